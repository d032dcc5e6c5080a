package vaulttest

import (
	"context"
	"io"
	"sync"
	"testing"

	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/storage"
)

// Outage makes the buckets of a World fail on demand: pass
// [Outage.Provide] to [New].
type Outage struct {
	mu   sync.Mutex
	next map[string]func() error
}

// Provide puts the outage in front of the bucket.
func (o *Outage) Provide(t testing.TB) func(env *host.Env) {
	return func(env *host.Env) {
		store, err := storage.Open(env)
		if err != nil {
			t.Fatalf("open storage: %v", err)
		}
		store.Documents = &flaky{Backend: store.Documents, Presigner: store.Documents.(storage.Presigner),
			Lister: store.Documents.(storage.Lister), Multipart: store.Documents.(storage.Multipart), outage: o}
		store.Derived = &flakyDerived{Backend: store.Derived, Presigner: store.Derived.(storage.Presigner),
			Lister: store.Derived.(storage.Lister), outage: o}
	}
}

// Next makes the next call of an operation ("Get", "Stat", "Delete", "Complete",
// "NewMultipart", "ListParts"; "Derived.Put") run f first, and fail with its error, if any.
func (o *Outage) Next(operation string, f func() error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.next == nil {
		o.next = map[string]func() error{}
	}
	o.next[operation] = f
}

func (o *Outage) check(operation string) error {
	o.mu.Lock()
	f := o.next[operation]
	delete(o.next, operation)
	o.mu.Unlock()
	if f == nil {
		return nil
	}
	return f()
}

// Down is the error of a storage that does not answer.
func Down() error { return storage.ErrUnavailable }

// Bug is an error that is no outage.
func Bug() error { return fault.New(fault.Internal, "A test broke this.") }

type flaky struct {
	storage.Backend
	storage.Presigner
	storage.Lister
	storage.Multipart
	outage *Outage
}

func (f *flaky) Get(ctx context.Context, key string) (io.ReadCloser, storage.Info, error) {
	if err := f.outage.check("Get"); err != nil {
		return nil, storage.Info{}, err
	}
	return f.Backend.Get(ctx, key)
}

func (f *flaky) Stat(ctx context.Context, key string) (storage.Info, error) {
	if err := f.outage.check("Stat"); err != nil {
		return storage.Info{}, err
	}
	return f.Backend.Stat(ctx, key)
}

func (f *flaky) NewMultipart(ctx context.Context, key string, opt storage.PutOptions) (string, error) {
	if err := f.outage.check("NewMultipart"); err != nil {
		return "", err
	}
	return f.Multipart.NewMultipart(ctx, key, opt)
}

// ListParts that fails has run f after it listed, and misses the last part:
// storage that assembles takes parts away one by one, also while it lists them.
func (f *flaky) ListParts(ctx context.Context, key, uploadID string) ([]storage.Part, error) {
	parts, err := f.Multipart.ListParts(ctx, key, uploadID)
	if f.outage.check("ListParts") != nil && len(parts) > 0 {
		parts = parts[:len(parts)-1]
	}
	return parts, err
}

// Complete fails after it was done: its answer is lost.
func (f *flaky) Complete(ctx context.Context, key, uploadID string, parts []storage.Part) error {
	if err := f.Multipart.Complete(ctx, key, uploadID, parts); err != nil {
		return err
	}
	return f.outage.check("Complete")
}

func (f *flaky) Delete(ctx context.Context, key string) error {
	if err := f.outage.check("Delete"); err != nil {
		return err
	}
	return f.Backend.Delete(ctx, key)
}

// flakyDerived is the bucket of what the vault itself makes.
type flakyDerived struct {
	storage.Backend
	storage.Presigner
	storage.Lister
	outage *Outage
}

func (f *flakyDerived) Put(ctx context.Context, key string, body io.Reader, size int64, opt storage.PutOptions) error {
	if err := f.outage.check("Derived.Put"); err != nil {
		return err
	}
	return f.Backend.Put(ctx, key, body, size, opt)
}
