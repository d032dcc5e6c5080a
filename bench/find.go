package main

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/database"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/search"
	shared "docuvault/shared/vault"
)

// vocabulary is how many different words the papers have; low numbers are
// common.
const vocabulary = 20_000

// word is a word of the vocabulary.
func word(n int) string {
	const letters = "bdfgklmnprst"
	text := ""
	for i := 0; i < 4; i++ {
		text += string(letters[n%12]) + "aeiou"[n/12%5:n/12%5+1]
		n /= 60
		if n == 0 && i > 0 {
			break
		}
	}
	return text
}

// queries are what people type, from rare words to common ones.
var queries = map[string]func(r *mathrand.Rand) string{
	"one word":        func(r *mathrand.Rand) string { return word(2000 + r.IntN(vocabulary-2000)) },
	"rare and common": func(r *mathrand.Rand) string { return word(2000+r.IntN(vocabulary-2000)) + " " + word(r.IntN(5)) },
	"phrase": func(r *mathrand.Rand) string {
		return `"` + word(2000+r.IntN(vocabulary-2000)) + " " + word(r.IntN(5)) + `"`
	},
	"without": func(r *mathrand.Rand) string {
		return word(2000+r.IntN(vocabulary-2000)) + " -" + word(100+r.IntN(400))
	},
	"very common":   func(r *mathrand.Rand) string { return word(r.IntN(5)) },
	"common phrase": func(r *mathrand.Rand) string { return `"` + word(r.IntN(5)) + " " + word(r.IntN(5)) + `"` },
}

// listAndSearch compares an account of a thousand documents with one of a
// hundred thousand, each question put to both in turns.
func listAndSearch(ctx context.Context, b *bench) ([]Figure, error) {
	v, err := b.vault(ctx, "find", nil, nil)
	if err != nil {
		return nil, err
	}
	users, err := v.users(ctx, 3)
	if err != nil {
		return nil, err
	}
	papers, copies := pick(b, 1000, 200), pick(b, 99, 3) // more than an era even in a quick run
	if err := v.seed(ctx, users[0], users[1], papers, copies); err != nil {
		return nil, err
	}
	if err := v.serve(); err != nil {
		return nil, err
	}
	figures, err := v.compare(ctx, users, "list, 50 of the newest", func(ctx context.Context, u *user, _ *mathrand.Rand) error {
		return u.call(ctx, http.MethodGet, "/v1/documents?limit=50", nil, http.StatusOK, nil)
	})
	if err != nil {
		return nil, err
	}
	for _, sort := range []string{"size", "-document_date", "updated_at"} {
		more, err := v.compare(ctx, users, "list by "+sort, func(ctx context.Context, u *user, _ *mathrand.Rand) error {
			return u.call(ctx, http.MethodGet, "/v1/documents?limit=50&sort="+sort, nil, http.StatusOK, nil)
		})
		if err != nil {
			return nil, err
		}
		figures = append(figures, more...)
	}
	for _, kind := range []string{"one word", "very common"} {
		more, err := v.compare(ctx, users, "list with q, "+kind, func(ctx context.Context, u *user, r *mathrand.Rand) error {
			return u.call(ctx, http.MethodGet, "/v1/documents?sort=size&q="+queries[kind](r), nil, http.StatusOK, nil)
		})
		if err != nil {
			return nil, err
		}
		figures = append(figures, more...)
	}
	for _, kind := range []string{"one word", "rare and common", "phrase", "common phrase", "without", "very common"} {
		more, err := v.compare(ctx, users, "search, "+kind, func(ctx context.Context, u *user, r *mathrand.Rand) error {
			return u.call(ctx, http.MethodPost, "/v1/search", map[string]any{"q": queries[kind](r)}, http.StatusOK, nil)
		})
		if err != nil {
			return nil, err
		}
		figures = append(figures, more...)
	}
	return figures, nil
}

// compare asks the small account and the large one the same, in turns, after an
// account that has nothing: PostgreSQL keeps the plans that it made for that.
func (v *vault) compare(ctx context.Context, users []*user, name string, ask func(ctx context.Context, u *user, r *mathrand.Rand) error) ([]Figure, error) {
	for _, u := range users {
		if err := u.signIn(); err != nil {
			return nil, err
		}
	}
	latency := [2]sample{}
	n := pick(v.b, 400, 5)
	first := mathrand.New(mathrand.NewPCG(1, 2))
	for range 10 {
		if err := ask(ctx, users[2], first); err != nil {
			return nil, err
		}
	}
	users = users[:2]
	random := [2]*mathrand.Rand{mathrand.New(mathrand.NewPCG(1, 2)), mathrand.New(mathrand.NewPCG(1, 2))}
	for i := range 10 + n {
		for j, u := range users {
			at := time.Now()
			if err := ask(ctx, u, random[j]); err != nil {
				return nil, err
			}
			if i >= 10 { // warm
				latency[j].latency = append(latency[j].latency, time.Since(at))
			}
		}
	}
	for j := range latency {
		sortDurations(latency[j].latency)
	}
	small, large := latency[0].at(99), latency[1].at(99)
	return []Figure{
		{Name: name + ": p99 of the large account to the small", Value: large / small, Unit: "ratio", Goal: atMost(2)},
		{Name: name + ": small, p50", Value: latency[0].at(50), Unit: "ms"},
		{Name: name + ": small, p99", Value: small, Unit: "ms"},
		{Name: name + ": large, p50", Value: latency[1].at(50), Unit: "ms"},
		{Name: name + ": large, p99", Value: large, Unit: "ms"},
	}, nil
}

// seed gives both users the same papers, and the second each of them so many
// times more: sealed anew, with another name, found by the same words.
func (v *vault) seed(ctx context.Context, small, large *user, papers, copies int) error {
	opened, err := shared.Open(v.env)
	if err != nil {
		return err
	}
	var index string
	if err := v.super.QueryRow(ctx, `SELECT pg_get_indexdef('tokens_search'::regclass)`).Scan(&index); err != nil {
		return fmt.Errorf("the index of search: %w", err)
	}
	if _, err := v.super.Exec(ctx, `DROP INDEX tokens_search; CREATE TABLE copies (was uuid, id uuid)`); err != nil { // made anew after the rows
		return fmt.Errorf("seed: %w", err)
	}
	var made []paper
	for _, u := range []*user{small, large} {
		made = nil
		random := mathrand.New(mathrand.NewPCG(3, 4))
		for i := range papers {
			p := newPaper(random, i)
			if err := v.add(ctx, opened, u, p); err != nil {
				return fmt.Errorf("seed: %w", err)
			}
			made = append(made, p)
		}
	}
	keys, err := opened.Keys(ctx, database.OnBehalfOf(large.id))
	if err != nil {
		return err
	}
	for i := range copies {
		if err := v.copy(ctx, keys, made, i); err != nil {
			return fmt.Errorf("seed: %w", err)
		}
	}
	for _, sql := range []string{
		// Each copy is of the era in which it came (the migration of search_eras).
		`INSERT INTO tokens (document_id, part, user_id, era, version, names, tsv)
		 SELECT c.id, t.part, t.user_id, c.era, t.version, t.names,
		        ts_delete(t.tsv, era_marks(t.user_id, t.era)) || array_to_tsvector(era_marks(t.user_id, c.era))
		   FROM (SELECT was, id, (((SELECT count(DISTINCT was) FROM copies) + row_number() OVER (ORDER BY id) - 1) / 500)::integer AS era FROM copies) c
		   JOIN tokens t ON t.document_id = c.was`,
		`UPDATE search_eras SET documents = documents + (SELECT count(*) FROM copies)
		  WHERE user_id IN (SELECT t.user_id FROM tokens t JOIN copies c ON c.was = t.document_id)`,
		index,
	} {
		if _, err := v.super.Exec(ctx, sql); err != nil {
			return fmt.Errorf("seed: %w", err)
		}
	}
	var eras int
	if err := v.super.QueryRow(ctx, `SELECT count(DISTINCT era) FROM tokens WHERE user_id = $1`, large.id.String()).Scan(&eras); err != nil || eras < 2 {
		return fmt.Errorf("seed: the large account has %d eras, so that search never goes from one to the next: %w", eras, err)
	}
	return v.settle(ctx)
}

// paper is a document of 40 words.
type paper struct {
	id         id.ID
	name, text string
}

func newPaper(random *mathrand.Rand, n int) paper {
	words := make([]string, 40)
	for i := range words {
		r := random.Float64()
		words[i] = word(int(vocabulary * r * r * r * r))
	}
	return paper{id.New(), fmt.Sprintf("Brief %s %05d.pdf", word(random.IntN(vocabulary)), n), strings.Join(words, " ")}
}

// row is the paper as documents and texts have it.
func (p paper) row(keys *keys.User) (database.Args, error) {
	sealed, err := shared.SealNew(keys, p.id, p.name, "", "")
	if err != nil {
		return nil, err
	}
	text, err := keys.Seal("texts", "sealed", p.id, []byte(p.text))
	hash := make([]byte, 32)
	_, _ = rand.Read(hash) // never fails
	return database.Args{"id": p.id, "filename": sealed.Filename, "text": text, "hash": hash, "key": p.id.String()}, err
}

// add stores a paper, as the analysis leaves it.
func (v *vault) add(ctx context.Context, opened *shared.Vault, u *user, p paper) error {
	actor := database.OnBehalfOf(u.id)
	keys, err := opened.Keys(ctx, actor)
	if err != nil {
		return err
	}
	args, err := p.row(keys)
	if err != nil {
		return err
	}
	return opened.DB().Do(ctx, actor, func(b *database.Batch) {
		b.Exec(`INSERT INTO documents (id, user_id, status, object_key, size, sha256, content_type, upload_expires_at, filename_sealed, language)
		        VALUES (@id, app_user(), 'ready', @key, 1, @hash, 'text/plain', now(), @filename, 'de')`, args)
		b.Exec(`INSERT INTO texts (document_id, user_id, sealed, source) VALUES (@id, app_user(), @text, 'text')`, args)
		search.IndexNew(b, keys, p.id, search.Names{Filename: &p.name})
		search.IndexText(b, keys, p.id, p.text, "de")
	})
}

// copy stores each paper once more, by COPY.
func (v *vault) copy(ctx context.Context, keys *keys.User, made []paper, round int) error {
	var documents, texts, copies [][]any
	for i, p := range made {
		was := [16]byte(p.id)
		p.id = id.New()
		args, err := p.row(keys)
		if err != nil {
			return err
		}
		at := time.Now().Add(-time.Duration(round*len(made)+i) * time.Minute)
		owner, document := [16]byte(keys.ID()), [16]byte(p.id)
		documents = append(documents, []any{document, owner, "ready", args["key"], int64(1), args["hash"], "text/plain", at, args["filename"], "de", at})
		texts = append(texts, []any{document, owner, args["text"], "text"})
		copies = append(copies, []any{was, document})
	}
	for _, table := range []struct {
		name    string
		columns []string
		rows    [][]any
	}{
		{"documents", []string{"id", "user_id", "status", "object_key", "size", "sha256", "content_type", "upload_expires_at", "filename_sealed", "language", "created_at"}, documents},
		{"texts", []string{"document_id", "user_id", "sealed", "source"}, texts},
		{"copies", []string{"was", "id"}, copies},
	} {
		if _, err := v.super.CopyFrom(ctx, pgx.Identifier{table.name}, table.columns, pgx.CopyFromRows(table.rows)); err != nil {
			return fmt.Errorf("copy %s: %w", table.name, err)
		}
	}
	return nil
}
