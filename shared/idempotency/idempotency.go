// Package idempotency lets a client repeat a change that got no answer, under
// the same Idempotency-Key (draft-ietf-httpapi-idempotency-key-header), without
// making it twice.
//
// The key is committed by the transaction that makes the change, as part of
// writing its entry of the audit log: a process that dies leaves both or
// neither. So what failed, or changed nothing, leaves no key, and is simply
// tried again. A repeat of what was done answers with the same status and the
// resource as it is now; an answer that held a secret is not repeated. While
// the first request is being worked on, a second one is told so. Keys are kept
// for 24 hours.
//
// Neither the key nor the request is stored: only hashes, that of the request
// keyed with the client's key, which is why a key has to be hard to guess.
package idempotency

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
)

// Header is the name of the request header.
const Header = "Idempotency-Key"

// Lengths of a key in characters.
const (
	minKey = 16
	maxKey = 255
)

// Handler is how an operation is served.
type Handler[I, O any] = func(ctx context.Context, in *I) (*O, error)

// Answer makes the answer of an operation again, when the change was made
// before.
type Answer[I, O any] = func(env *host.Env, handle Handler[I, O]) (func(ctx context.Context, in *I, done *database.Done) (*O, error), error)

// Operation is [hosthttp.Operation] for a change that takes an Idempotency-Key.
// One of guards has to be auth.Required.
func Operation[I, O any](op huma.Operation, construct func(*host.Env) (Handler[I, O], error), again Answer[I, O], guards ...hosthttp.Guard) *hosthttp.Route {
	op.Parameters = append(op.Parameters, &huma.Param{
		Name: Header, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MinLength: new(minKey), MaxLength: new(maxKey)},
		Description: "A random value of your choice, such as a UUID. The same request with the same key within 24 hours makes the change once: " +
			"a repeat answers with the same status and the resource as it is then. 422 idempotency_key_reused for another request; " +
			"409 idempotency_key_busy while the first is being worked on; 409 secret_not_repeated where the answer held a secret.",
	})
	op.Errors = append(op.Errors, http.StatusConflict, http.StatusUnprocessableEntity)
	op.Middlewares = append(op.Middlewares, claim)
	return hosthttp.Operation(op, func(env *host.Env) (func(context.Context, *I) (*O, error), error) {
		handle, err := construct(env)
		if err != nil {
			return nil, err
		}
		repeat, err := again(env, handle)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, in *I) (*O, error) {
			out, err := handle(ctx, in)
			if done, ok := errors.AsType[*database.Done](err); ok {
				return repeat(database.WithClaim(ctx, nil), in, done)
			}
			return out, err
		}, nil
	}, guards...)
}

// Read is the [Answer] of an operation that answers with a resource: the one
// that which names is read as it is now.
func Read[I, O, S, R any](open func(*host.Env) (S, error), get func(S, context.Context, database.Actor, id.ID) (R, error),
	which func(in *I, done *database.Done) id.ID, answer func(R) *O) Answer[I, O] {
	return func(env *host.Env, _ Handler[I, O]) (func(context.Context, *I, *database.Done) (*O, error), error) {
		resources, err := open(env)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, in *I, done *database.Done) (*O, error) {
			now, err := get(resources, ctx, auth.Actor(ctx), which(in, done))
			if err != nil {
				return nil, err
			}
			return answer(now), nil
		}, nil
	}
}

// Made is the resource that a change made.
func Made[I any](_ *I, done *database.Done) id.ID { return done.Resource }

// Empty is the [Answer] of an operation that answers with nothing.
func Empty[I, O any](*host.Env, Handler[I, O]) (func(context.Context, *I, *database.Done) (*O, error), error) {
	return func(context.Context, *I, *database.Done) (*O, error) { return new(O), nil }, nil
}

// Harmless is the [Answer] of an operation that may be repeated without a key
// too, since a repeat changes nothing: it is repeated.
func Harmless[I, O any](_ *host.Env, handle Handler[I, O]) (func(context.Context, *I, *database.Done) (*O, error), error) {
	return func(ctx context.Context, in *I, _ *database.Done) (*O, error) { return handle(ctx, in) }, nil
}

// Rest is the [Answer] of an operation that removes something by its id in as
// many transactions as it takes, the first of which keeps the key: what is left
// is removed, and what is gone was.
func Rest[I, O any](_ *host.Env, handle Handler[I, O]) (func(context.Context, *I, *database.Done) (*O, error), error) {
	return func(ctx context.Context, in *I, _ *database.Done) (*O, error) {
		out, err := handle(ctx, in)
		if fault.CodeOf(err) == fault.NotFound {
			return new(O), nil
		}
		return out, err
	}, nil
}

// Secret is the [Answer] of an operation whose answer holds a secret that is
// shown once: fault.SecretNotRepeated.
func Secret[I, O any](*host.Env, Handler[I, O]) (func(context.Context, *I, *database.Done) (*O, error), error) {
	return func(_ context.Context, _ *I, done *database.Done) (*O, error) {
		err := fault.New(fault.SecretNotRepeated, "This was done before, and the secret of its answer is shown once. If it was lost, make another, and remove this one.")
		if !done.Resource.IsNil() {
			err = err.With("resource_id", done.Resource)
		}
		return nil, err
	}, nil
}

// claim hands the key of a request, if it has one, to the batches of its
// handler. It runs after the guards.
func claim(ctx huma.Context, next func(huma.Context)) {
	header := ctx.Header(Header)
	if header == "" {
		next(ctx)
		return
	}
	key, ok := parse(header)
	if !ok {
		hosthttp.Refuse(ctx, fault.Newf(fault.ValidationFailed, "%s has %d to %d visible characters, and is hard to guess: a UUID.", Header, minKey, maxKey))
		return
	}
	body, err := hosthttp.Body(ctx)
	if err != nil {
		hosthttp.Refuse(ctx, err)
		return
	}
	user := auth.From(ctx.Context()).User
	u := ctx.URL()
	next(huma.WithContext(ctx, database.WithClaim(ctx.Context(), &database.Claim{
		User: user, Status: max(ctx.Operation().DefaultStatus, http.StatusOK),
		Key:     hash(key, "key", user.String()),
		Request: hash(key, "request", user.String(), ctx.Method(), u.Path, u.RawQuery, ctx.Header("If-Match"), string(body)),
	})))
}

// parse reads a key: as it is, or as the string of a structured field (RFC 9651
// section 3.3.3) that the draft wants.
func parse(header string) (string, bool) {
	key := header
	if inner, ok := strings.CutPrefix(key, `"`); ok {
		if key, ok = strings.CutSuffix(inner, `"`); !ok {
			return "", false
		}
	}
	if len(key) < minKey || len(key) > maxKey {
		return "", false
	}
	for _, c := range []byte(key) {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return "", false
		}
	}
	return key, true
}

// hash is an HMAC-SHA256 of parts under the client's key.
func hash(key string, parts ...string) []byte {
	m := hmac.New(sha256.New, []byte(key))
	for _, part := range parts {
		sum := sha256.Sum256([]byte(part)) // so that parts cannot be cut at another place
		m.Write(sum[:])
	}
	return m.Sum(nil)
}
