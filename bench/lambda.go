package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"time"

	"docuvault/shared/auth"
	"docuvault/shared/id"
	"docuvault/shared/secret"
)

// question is one request to a function, made anew for each invocation; heard, if
// any, is told the answer.
type question struct {
	name, folder string
	unasked      bool // of the database
	event        func() (map[string]any, error)
	heard        func(cookies []string)
}

// lambdaRate measures what one instance of a function of Lambda answers in a
// second: one process under AWS's runtime emulator, one request at a time, one
// connection to the database. The reserved concurrency times this is what a
// deployment can do, as long as the database can.
func lambdaRate(ctx context.Context, b *bench) ([]Figure, error) {
	emulator, err := runtimeEmulator()
	if err != nil {
		return nil, err
	}
	v, err := b.vault(ctx, "lambda", nil, map[string]string{"PUBLIC_URL": "https://vault.example.org"})
	if err != nil {
		return nil, err
	}
	users, err := v.users(ctx, 2)
	if err != nil {
		return nil, err
	}
	if err := v.seed(ctx, users[0], users[1], pick(b, 1000, 200), pick(b, 1, 3)); err != nil {
		return nil, err
	}
	questions, err := v.questions(ctx, users[0])
	if err != nil {
		return nil, err
	}
	if err := v.settle(ctx); err != nil {
		return nil, err
	}
	// Without a mode any pooler may be before the database; with it statements stay
	// prepared.
	const mode = "&default_query_exec_mode=cache_statement"
	unprepared := strings.ReplaceAll(v.vars["DATABASE_URL"], mode, "")
	var figures []Figure
	for _, q := range questions {
		program, err := b.functionProgram(ctx, q.folder)
		if err != nil {
			return nil, err
		}
		ways := []struct{ name, url string }{{q.name, unprepared}, {q.name + ", statements prepared", unprepared + mode}}
		if q.unasked {
			ways = ways[:1]
		}
		for _, way := range ways {
			var s sample
			if err := v.emulated(ctx, emulator, program, map[string]string{"DATABASE_URL": way.url}, func(invoke invoker) error {
				s, err = q.ask(invoke, pick(b, 400, 3))
				return err
			}); err != nil {
				return nil, fmt.Errorf("%s: %w", way.name, err)
			}
			figures = append(figures,
				Figure{Name: way.name + ": one instance", Value: s.perSecond(), Unit: "a second", Note: "the emulator's own time included"},
				Figure{Name: way.name + ", p50", Value: s.at(50), Unit: "ms"},
				Figure{Name: way.name + ", p99", Value: s.at(99), Unit: "ms"},
			)
		}
	}
	return figures, nil
}

// ask asks so many times, one after the other, of an instance that is warm.
func (q question) ask(invoke invoker, n int) (s sample, err error) {
	const before = 20
	for i := range before + n {
		made, err := q.event()
		if err != nil {
			return s, err
		}
		raw, err := json.Marshal(made)
		if err != nil {
			return s, err
		}
		answer, took, err := invoke(raw)
		if err != nil {
			return s, err
		}
		if q.heard != nil {
			var got struct{ Cookies []string }
			if err := json.Unmarshal(answer, &got); err != nil {
				return s, err
			}
			q.heard(got.Cookies)
		}
		if i >= before {
			s.latency, s.took, s.n = append(s.latency, took), s.took+took, s.n+1
		}
	}
	sortDurations(s.latency)
	return s, nil
}

// questions are what the API is asked most, and one that asks no database: that is
// what the emulator itself takes.
func (v *vault) questions(ctx context.Context, u *user) ([]question, error) {
	codec, err := auth.OpenCodec(v.env)
	if err != nil {
		return nil, err
	}
	minted, err := codec.Mint(auth.Refresh{User: u.id, Session: u.session, Generation: 1})
	if err != nil {
		return nil, err
	}
	password := secret.New("correct horse battery staple")
	hasher, err := auth.OpenHasher(v.env)
	if err != nil {
		return nil, err
	}
	phc, err := hasher.Hash(ctx, password)
	if err != nil {
		return nil, err
	}
	if _, err := v.super.Exec(ctx, `INSERT INTO credentials (user_id, kind, phc) VALUES ($1, 'password', $2)`, u.id.String(), phc); err != nil {
		return nil, fmt.Errorf("set password: %w", err)
	}
	if err := u.signIn(); err != nil {
		return nil, err
	}
	refresh := auth.RefreshCookieName(true) + "="
	cookie := refresh + minted.Reveal()
	random := mathrand.New(mathrand.NewPCG(1, 2))
	return []question{
		{name: "jwks", folder: "wellknown/jwks", unasked: true, event: func() (map[string]any, error) {
			return event(http.MethodGet, "/.well-known/jwks.json", "", "", nil)
		}},
		{name: "refresh", folder: "auth/refresh", event: func() (map[string]any, error) {
			return event(http.MethodPost, "/v1/auth/refresh", "", "", nil, cookie)
		}, heard: func(cookies []string) {
			for _, c := range cookies {
				if strings.HasPrefix(c, refresh) {
					cookie, _, _ = strings.Cut(c, ";")
				}
			}
		}},
		{name: "login", folder: "auth/login", event: func() (map[string]any, error) {
			device, err := codec.MintDevice(u.id, id.New()) // those are limited one by one
			if err != nil {
				return nil, err
			}
			return event(http.MethodPost, "/v1/auth/login", "", "", map[string]string{"email": u.id.String() + "@example.org", "password": password.Reveal()},
				auth.DeviceCookieName(true)+"="+device.Reveal())
		}},
		{name: "begin", folder: "uploads/begin", event: func() (map[string]any, error) {
			return event(http.MethodPost, "/v1/uploads", "", u.token, announce("invoice 2026.pdf", 1000))
		}},
		{name: "list", folder: "documents/list", event: func() (map[string]any, error) {
			return event(http.MethodGet, "/v1/documents", "limit=50", u.token, nil)
		}},
		{name: "search", folder: "search/query", event: func() (map[string]any, error) {
			return event(http.MethodPost, "/v1/search", "", u.token, map[string]string{"q": queries["one word"](random)})
		}},
	}, nil
}

// event is a request as the HTTP API hands it to a function.
func event(method, path, query, token string, body any, cookies ...string) (map[string]any, error) {
	headers := map[string]string{"host": "vault.example.org", "content-type": "application/json"}
	if token != "" {
		headers["authorization"] = "Bearer " + token
	}
	made := map[string]any{
		"version": "2.0", "routeKey": method + " " + path, "rawPath": path, "rawQueryString": query, "headers": headers, "cookies": cookies,
		"requestContext": map[string]any{
			"domainName": "vault.example.org", "timeEpoch": time.Now().UnixMilli(),
			"http": map[string]string{"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
		},
	}
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, errors.New("a body that is no JSON")
		}
		made["body"] = string(raw)
	}
	return made, nil
}
