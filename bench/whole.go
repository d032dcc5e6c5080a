package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"

	"docuvault/shared/storage"
)

// wholeUpload compares what a client does with the same presigned requests
// alone, in turns. Hashes are made before the clock starts: both need them.
func wholeUpload(ctx context.Context, b *bench) ([]Figure, error) {
	server, err := b.store(ctx)
	if err != nil {
		return nil, err
	}
	v, err := b.vault(ctx, "whole", server, nil)
	if err != nil {
		return nil, err
	}
	users, err := v.users(ctx, 4)
	if err != nil {
		return nil, err
	}
	if err := v.serve(); err != nil {
		return nil, err
	}
	opened, err := storage.Open(v.env)
	if err != nil {
		return nil, err
	}
	w := &wholes{b: b, users: users, documents: opened.Documents}
	if w.signer, err = storage.As[storage.Presigner](opened.Documents); err != nil {
		return nil, err
	}
	small, err := w.small(ctx)
	if err != nil {
		return nil, err
	}
	large, err := w.large(ctx)
	return append(small, large...), err
}

type wholes struct {
	b         *bench
	users     []*user
	documents storage.Backend
	signer    storage.Presigner
	mark      int // of the content that is made next
}

// contents makes n contents with what is announced of them.
func (w *wholes) contents(n int, size int64) ([]content, []map[string]any) {
	made, announced := make([]content, n), make([]map[string]any, n)
	for i := range made {
		w.mark++
		made[i] = fresh(size, w.mark)
		announced[i] = made[i].announcement()
	}
	return made, announced
}

// small is documents of 1 MiB, from 4 clients.
func (w *wholes) small(ctx context.Context) ([]Figure, error) {
	const size = 1 << 20
	var up, down, rawUp, rawDown, upRatio, downRatio []float64
	for round := range pick(w.b, 5, 2) {
		n := 8 // to warm up
		if round > 0 {
			n = pick(w.b, 200, 8)
		}
		raw, puts, gets, err := w.signed(ctx, fmt.Sprintf("raw/%d", round), n, size)
		if err != nil {
			return nil, err
		}
		whole, announced := w.contents(n, size)
		documents := make([]string, n)
		var rawPut, wholePut, rawGet, wholeGet sample
		err = inTurn(round, w.rate(ctx, &rawPut, n, func(ctx context.Context, _, i int) error {
			return puts[i].send(ctx, raw[i], 0, size)
		}), w.rate(ctx, &wholePut, n, func(ctx context.Context, client, i int) (err error) {
			documents[i], err = w.users[client].store(ctx, whole[i], announced[i])
			return err
		}))
		if err != nil {
			return nil, err
		}
		owner := make(map[string]*user, n)
		for _, u := range w.users {
			if err := w.own(ctx, u, documents, owner); err != nil {
				return nil, err
			}
		}
		err = inTurn(round, w.rate(ctx, &rawGet, n, func(ctx context.Context, _, i int) error {
			return get(ctx, gets[i].URL, size)
		}), w.rate(ctx, &wholeGet, n, func(ctx context.Context, _, i int) error {
			return owner[documents[i]].download(ctx, documents[i], size)
		}))
		if err != nil {
			return nil, err
		}
		if round == 0 {
			continue
		}
		up, rawUp = append(up, wholePut.perSecond()), append(rawUp, rawPut.perSecond())
		down, rawDown = append(down, wholeGet.perSecond()), append(rawDown, rawGet.perSecond())
		upRatio = append(upRatio, wholePut.perSecond()/rawPut.perSecond())
		downRatio = append(downRatio, wholeGet.perSecond()/rawGet.perSecond())
	}
	return []Figure{
		{Name: "1 MiB: whole upload to raw", Value: median(upRatio), Unit: "ratio", Goal: atLeast(0.95)},
		{Name: "1 MiB: whole upload", Value: median(up), Unit: "a second", Note: "begin, put, complete; 4 clients"},
		{Name: "1 MiB: raw presigned put", Value: median(rawUp), Unit: "a second"},
		{Name: "1 MiB: whole download to raw", Value: median(downRatio), Unit: "ratio", Goal: atLeast(0.95)},
		{Name: "1 MiB: whole download", Value: median(down), Unit: "a second"},
		{Name: "1 MiB: raw presigned get", Value: median(rawDown), Unit: "a second"},
	}, nil
}

// rate does n, a client for each user, and keeps how it went.
func (w *wholes) rate(ctx context.Context, s *sample, n int, do func(ctx context.Context, client, i int) error) func() error {
	return func() (err error) {
		*s, err = times(ctx, len(w.users), n, nil, do)
		return err
	}
}

// own notes which documents are the user's.
func (w *wholes) own(ctx context.Context, u *user, documents []string, owner map[string]*user) error {
	rows, err := u.v.super.Query(ctx, `SELECT id::text FROM documents WHERE user_id = $1 AND id::text = ANY ($2)`, u.id.String(), documents)
	if err != nil {
		return fmt.Errorf("whose documents: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var document string
		if err := rows.Scan(&document); err != nil {
			return err
		}
		owner[document] = u
	}
	return rows.Err()
}

// large is one document in parts, with four parts under way.
func (w *wholes) large(ctx context.Context) ([]Figure, error) {
	size := pick[int64](w.b, 512<<20, 65<<20)
	var up, down, rawUp, rawDown, upRatio, downRatio []float64
	for round := range pick(w.b, 5, 1) {
		c, announced := w.contents(2, size)
		key := fmt.Sprintf("raw/large-%d", round)
		var document string
		var whole, raw, wholeGet, rawGet time.Duration
		// Who goes first changes: the second finds the disk busy with what the
		// first has written, and the caches full of it.
		err := inTurn(round,
			func() (err error) { whole, document, err = w.inParts(ctx, c[0], announced[0]); return err },
			func() (err error) { raw, err = w.rawParts(ctx, key, c[1]); return err })
		if err != nil {
			return nil, err
		}
		// The worker would compare the hash first; what is measured is the way.
		if _, err := w.users[0].v.super.Exec(ctx, `UPDATE documents SET status = 'stored' WHERE id = $1`, document); err != nil {
			return nil, fmt.Errorf("make it stored: %w", err)
		}
		err = inTurn(round,
			clocked(&wholeGet, func() error { return w.users[0].download(ctx, document, size) }),
			clocked(&rawGet, func() error { return w.rawGet(ctx, key, size) }))
		if err != nil {
			return nil, err
		}
		if round == 0 && !w.b.quick {
			continue // to warm up
		}
		mib := float64(size >> 20)
		up, rawUp, upRatio = append(up, mib/whole.Seconds()), append(rawUp, mib/raw.Seconds()), append(upRatio, raw.Seconds()/whole.Seconds())
		down, rawDown, downRatio = append(down, mib/wholeGet.Seconds()), append(rawDown, mib/rawGet.Seconds()), append(downRatio, rawGet.Seconds()/wholeGet.Seconds())
	}
	name := fmt.Sprintf("%d MiB: ", size>>20)
	return []Figure{
		{Name: name + "whole upload to raw", Value: median(upRatio), Unit: "ratio", Goal: atLeast(0.95)},
		{Name: name + "whole upload", Value: median(up), Unit: "MiB a second", Note: "parts of 16 MiB, 4 at a time, complete answered; the worker's reading is not in it"},
		{Name: name + "raw presigned parts", Value: median(rawUp), Unit: "MiB a second"},
		{Name: name + "whole download to raw", Value: median(downRatio), Unit: "ratio", Goal: atLeast(0.95)},
		{Name: name + "whole download", Value: median(down), Unit: "MiB a second"},
		{Name: name + "raw presigned get", Value: median(rawDown), Unit: "MiB a second"},
	}, nil
}

// inTurn runs both, the other one first in every second round.
func inTurn(round int, a, b func() error) error {
	if round%2 == 1 {
		a, b = b, a
	}
	if err := a(); err != nil {
		return err
	}
	return b()
}

// clocked is f, with the time that it takes.
func clocked(took *time.Duration, f func() error) func() error {
	return func() error {
		begun := time.Now()
		err := f()
		*took = time.Since(begun)
		return err
	}
}

const partsAtOnce = 4

// inParts uploads a document above the threshold.
func (w *wholes) inParts(ctx context.Context, c content, announced map[string]any) (time.Duration, string, error) {
	u := w.users[0]
	var b begun
	began := time.Now()
	if err := u.call(ctx, http.MethodPost, "/v1/uploads", announced, http.StatusCreated, &b); err != nil {
		return 0, "", err
	}
	if b.Upload.Multipart == nil {
		return 0, "", fmt.Errorf("%d bytes are not to be sent in parts", c.size)
	}
	took := time.Since(began)
	parts := make([]map[string]any, b.Upload.Multipart.PartCount)
	size := b.Upload.Multipart.PartSize
	for i := range parts { // hashing is not measured
		offset := int64(i) * size
		n := min(size, c.size-offset)
		parts[i] = map[string]any{"number": i + 1, "size": n, "sha256": hex.EncodeToString(c.sum(offset, n))}
	}
	began = time.Now()
	address := "/v1/uploads/" + b.Document.ID
	var signed struct {
		Parts []struct {
			Number int `json:"number"`
			instructions
		} `json:"parts"`
	}
	if err := u.call(ctx, http.MethodPost, address+"/parts", map[string]any{"parts": parts}, http.StatusOK, &signed); err != nil {
		return 0, "", err
	}
	_, err := times(ctx, partsAtOnce, len(signed.Parts), nil, func(ctx context.Context, _, i int) error {
		p := signed.Parts[i]
		offset := int64(p.Number-1) * size
		p.Method = http.MethodPut
		return p.send(ctx, c, offset, min(size, c.size-offset))
	})
	if err != nil {
		return 0, "", err
	}
	err = u.call(ctx, http.MethodPost, address+"/complete", nil, http.StatusOK, nil)
	return took + time.Since(began), b.Document.ID, err
}

// rawParts does what inParts does, without the vault.
func (w *wholes) rawParts(ctx context.Context, key string, c content) (time.Duration, error) {
	multipart, err := storage.As[storage.Multipart](w.documents)
	if err != nil {
		return 0, err
	}
	const size = 16 << 20
	count := int((c.size + size - 1) / size)
	sums := make([][]byte, count)
	for i := range sums {
		sums[i] = c.sum(int64(i)*size, min(size, c.size-int64(i)*size))
	}
	began := time.Now()
	upload, err := multipart.NewMultipart(ctx, key, storage.PutOptions{})
	if err != nil {
		return 0, err
	}
	signed := make([]storage.Request, count)
	for i := range signed {
		terms := storage.PartTerms{Number: i + 1, Size: min(size, c.size-int64(i)*size), SHA256: sums[i], TTL: time.Hour}
		if signed[i], err = w.signer.PresignPart(ctx, key, upload, terms); err != nil {
			return 0, err
		}
	}
	_, err = times(ctx, partsAtOnce, count, nil, func(ctx context.Context, _, i int) error {
		offset := int64(i) * size
		return instructions{signed[i].Method, signed[i].URL, signed[i].Headers}.send(ctx, c, offset, min(size, c.size-offset))
	})
	if err != nil {
		return 0, err
	}
	parts, err := multipart.ListParts(ctx, key, upload)
	if err != nil {
		return 0, err
	}
	err = multipart.Complete(ctx, key, upload, parts)
	return time.Since(began), err
}

// signed makes contents with presigned requests to send and to read them.
func (w *wholes) signed(ctx context.Context, prefix string, n int, size int64) (made []content, puts, gets []instructions, err error) {
	made, _ = w.contents(n, size)
	for i, c := range made {
		key := fmt.Sprintf("%s/%d", prefix, i)
		put, err := w.signer.PresignPut(ctx, key, storage.PutTerms{
			Size: size, ContentType: "application/octet-stream", SHA256: c.sum(0, size), TTL: time.Hour,
		})
		if err != nil {
			return nil, nil, nil, err
		}
		get, err := w.signer.PresignGet(ctx, key, storage.GetTerms{TTL: time.Hour})
		if err != nil {
			return nil, nil, nil, err
		}
		puts, gets = append(puts, instructions{put.Method, put.URL, put.Headers}), append(gets, instructions{URL: get.URL})
	}
	return made, puts, gets, nil
}

func (w *wholes) rawGet(ctx context.Context, key string, size int64) error {
	signed, err := w.signer.PresignGet(ctx, key, storage.GetTerms{TTL: time.Hour})
	if err != nil {
		return err
	}
	return get(ctx, signed.URL, size)
}

// download asks the vault where the document is, and reads it.
func (u *user) download(ctx context.Context, document string, size int64) error {
	var at struct {
		URL string `json:"url"`
	}
	if err := u.call(ctx, http.MethodGet, "/v1/documents/"+document+"/download", nil, http.StatusOK, &at); err != nil {
		return err
	}
	return get(ctx, at.URL, size)
}

func get(ctx context.Context, address string, size int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	answer, err := sender.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	n, err := io.Copy(io.Discard, answer.Body)
	if err == nil && (n != size || answer.StatusCode != http.StatusOK) {
		err = fmt.Errorf("storage answered %d with %d bytes of %d", answer.StatusCode, n, size)
	}
	return err
}
