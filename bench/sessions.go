package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"docuvault/shared/auth"
	"docuvault/shared/id"
	"docuvault/shared/secret"
)

// sessions measures refresh, each of a session of its own, and login.
func sessions(ctx context.Context, b *bench) ([]Figure, error) {
	v, err := b.vault(ctx, "sessions", nil, nil)
	if err != nil {
		return nil, err
	}
	users, err := v.users(ctx, pick(b, 500, 64))
	if err != nil {
		return nil, err
	}
	codec, err := auth.OpenCodec(v.env)
	if err != nil {
		return nil, err
	}
	cookies := make([]string, len(users))
	for i, u := range users {
		token, err := codec.Mint(auth.Refresh{User: u.id, Session: u.session, Generation: 1})
		if err != nil {
			return nil, err
		}
		cookies[i] = token.Reveal()
	}
	if err := v.serve(); err != nil {
		return nil, err
	}
	if err := v.settle(ctx); err != nil {
		return nil, err
	}

	// A client refreshes the sessions whose number it has, in turns.
	const clients = 32
	turn := make([]int, clients)
	refresh := func(ctx context.Context, client, _ int) error {
		i := (client + turn[client]*clients) % len(users)
		if i%clients != client { // past the end
			turn[client] = 0
			i = client
		}
		turn[client]++
		return v.refresh(ctx, &cookies[i])
	}
	if _, err := times(ctx, clients, 2*clients, nil, refresh); err != nil {
		return nil, err
	}
	var rate, cpu, client []float64
	var last sample
	for range pick(b, 3, 1) {
		if last, err = during(ctx, clients, pick(b, 5*time.Second, 300*time.Millisecond), v.api, refresh); err != nil {
			return nil, err
		}
		rate = append(rate, last.perSecond())
		cpu = append(cpu, milliseconds(last.cpu)/float64(last.n))
		client = append(client, milliseconds(last.client)/float64(last.n))
	}
	figures := []Figure{
		{Name: "refresh", Value: median(rate), Unit: "a second", Goal: atLeast(3000), Note: "32 clients"},
		{Name: "CPU of the API for a refresh", Value: median(cpu), Unit: "ms each", Goal: atMost(0.4)},
		{Name: "CPU of the clients for a refresh", Value: median(client), Unit: "ms each"},
		{Name: "refresh, p50", Value: last.at(50), Unit: "ms"},
		{Name: "refresh, p99", Value: last.at(99), Unit: "ms"},
	}

	login, err := v.logins(ctx, codec, users[0])
	if err != nil {
		return nil, err
	}
	return append(figures,
		Figure{Name: "login", Value: login.perSecond(), Unit: "a second", Note: "8 clients"},
		Figure{Name: "CPU of the API for a login", Value: milliseconds(login.cpu) / float64(login.n), Unit: "ms each"},
		Figure{Name: "login, p50", Value: login.at(50), Unit: "ms"},
	), nil
}

// refresh exchanges a cookie for the next one.
func (v *vault) refresh(ctx context.Context, cookie *string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.api.url+"/v1/auth/refresh", nil)
	if err != nil {
		return err
	}
	req.AddCookie(&http.Cookie{Name: auth.RefreshCookieName(false), Value: *cookie})
	answer, err := sender.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	var grant auth.Grant
	if err := json.NewDecoder(answer.Body).Decode(&grant); err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Errorf("refresh answered %d: %w", answer.StatusCode, err)
	}
	for _, c := range answer.Cookies() {
		if c.Name == auth.RefreshCookieName(false) {
			*cookie = c.Value
			return nil
		}
	}
	return fmt.Errorf("refresh answered without a cookie")
}

// logins signs one user in again and again, each time as another known device:
// those are limited one by one.
func (v *vault) logins(ctx context.Context, codec *auth.Codec, u *user) (sample, error) {
	password := secret.New("correct horse battery staple")
	hasher, err := auth.OpenHasher(v.env)
	if err != nil {
		return sample{}, err
	}
	phc, err := hasher.Hash(ctx, password)
	if err != nil {
		return sample{}, err
	}
	if _, err := v.super.Exec(ctx, `INSERT INTO credentials (user_id, kind, phc) VALUES ($1, 'password', $2)`, u.id.String(), phc); err != nil {
		return sample{}, fmt.Errorf("set password: %w", err)
	}
	body, err := json.Marshal(map[string]string{"email": u.id.String() + "@example.org", "password": password.Reveal()})
	if err != nil {
		return sample{}, err
	}
	login := func(ctx context.Context, _, _ int) error {
		device, err := codec.MintDevice(u.id, id.New())
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.api.url+"/v1/auth/login", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.AddCookie(&http.Cookie{Name: auth.DeviceCookieName(false), Value: device.Reveal()})
		return send(req, http.StatusOK, nil)
	}
	return during(ctx, 8, pick(v.b, 5*time.Second, 300*time.Millisecond), v.api, login)
}
