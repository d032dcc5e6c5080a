package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"docuvault/shared/quota"
)

// benchUsers is how many users begin uploads: each may have 1,000 open.
const benchUsers = 64

// bareUser is the id of one of the users of the bare statement, at random.
const bareUser = `lpad(:u::text, 32, '0')::uuid`

// bareStatement is what begin-upload cannot do without: room is reserved and
// the document inserted, in one statement. It runs as the superuser, so without
// row-level security, session check, sealed names, search index and audit entry.
var bareStatement = `WITH ` + strings.NewReplacer("@size", "1000", "@max_open", "1000000000", "app_user()", bareUser).Replace(quota.Reserve) + `
INSERT INTO documents (id, user_id, status, next_due_at, object_key, size, sha256, content_type, upload_expires_at, filename_sealed)
SELECT i.id, user_id, 'pending', clock_timestamp() + interval '1 minute', user_id || '/' || i.id || '.pdf', 1000,
       sha256(i.id::text::bytea), 'application/pdf', clock_timestamp() + interval '15 minutes', sha256(i.id::text::bytea) || '\x00112233445566778899'
  FROM reserved, (SELECT gen_random_uuid() AS id OFFSET 0) i`

// beginUpload compares POST /v1/uploads with the bare statement.
func beginUpload(ctx context.Context, b *bench) ([]Figure, error) {
	v, err := b.vault(ctx, "begin", nil, nil)
	if err != nil {
		return nil, err
	}
	users, err := v.users(ctx, benchUsers)
	if err != nil {
		return nil, err
	}
	_, err = v.super.Exec(ctx, `WITH u AS (INSERT INTO users (id, email) SELECT lpad(n::text, 32, '0')::uuid, n || '@bare.example.org' FROM generate_series(1, $1) n RETURNING id)
		INSERT INTO quotas (user_id, limit_bytes, document_limit) SELECT id, $2, 1000000000 FROM u`, benchUsers, int64(userQuota))
	if err != nil {
		return nil, fmt.Errorf("make users: %w", err)
	}
	if err := v.serve(); err != nil {
		return nil, err
	}
	begin := func(ctx context.Context, _, n int) error {
		return users[n%len(users)].call(ctx, http.MethodPost, "/v1/uploads", announce("invoice 2026.pdf", 1000), http.StatusCreated, nil)
	}
	// Keys of all users are made, and connections opened.
	if _, err := times(ctx, 32, 2*len(users), nil, begin); err != nil {
		return nil, err
	}
	if err := v.settle(ctx); err != nil {
		return nil, err
	}

	var bare, served, ratios, cpu, client []float64
	var last sample
	peer, note := v.pgbench, "pgbench, 8 connections, prepared"
	for range pick(b, 3, 1) {
		rate, err := peer(ctx)
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
			peer, note = v.bareLoop, "no pgbench here: a loop of pgx, 8 connections"
			rate, err = peer(ctx)
		}
		if err != nil {
			return nil, err
		}
		if last, err = during(ctx, 32, pick(b, 5*time.Second, 300*time.Millisecond), v.api, begin); err != nil {
			return nil, err
		}
		bare, served, ratios = append(bare, rate), append(served, last.perSecond()), append(ratios, last.perSecond()/rate)
		cpu = append(cpu, milliseconds(last.cpu)/float64(last.n))
		client = append(client, milliseconds(last.client)/float64(last.n))
	}
	return []Figure{
		{Name: "begin over HTTP to the bare statement", Value: median(ratios), Unit: "ratio", Goal: atLeast(0.5)},
		{Name: "begin over HTTP", Value: median(served), Unit: "a second", Note: "32 clients"},
		{Name: "the bare statement", Value: median(bare), Unit: "a second", Note: note},
		{Name: "begin over HTTP, p50", Value: last.at(50), Unit: "ms"},
		{Name: "begin over HTTP, p99", Value: last.at(99), Unit: "ms"},
		{Name: "CPU of the API", Value: median(cpu), Unit: "ms each"},
		{Name: "CPU of the clients", Value: median(client), Unit: "ms each"},
	}, nil
}

// announce is the body of a begin for bytes that nobody has.
func announce(filename string, size int64) map[string]any {
	sum := make([]byte, 32)
	_, _ = rand.Read(sum) // never fails
	return map[string]any{"filename": filename, "content_type": "application/pdf", "size": size, "sha256": hex.EncodeToString(sum)}
}

var tps = regexp.MustCompile(`tps = ([0-9.]+) \(without`)

// pgbench runs the bare statement with PostgreSQL's own program.
func (v *vault) pgbench(ctx context.Context) (float64, error) {
	script := filepath.Join(v.b.dir, "bare.sql")
	text := fmt.Sprintf("\\set u random(1, %d)\n%s;\n", benchUsers, strings.ReplaceAll(bareStatement, "\n", " "))
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		return 0, err
	}
	dsn, err := url.Parse(v.b.postgres.DSN("vault_" + v.name).Reveal())
	if err != nil {
		return 0, err
	}
	password, _ := dsn.User.Password()
	args := []string{"-h", dsn.Hostname(), "-p", dsn.Port(), "-U", dsn.User.Username(), "-n", "-M", "prepared", "-c", "8", "-j", "2", "-f", script}
	if v.b.quick {
		args = append(args, "-t", "20")
	} else {
		args = append(args, "-T", "5")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(v.b.postgres.Binaries().Dir, "pgbench"), append(args, "vault_"+v.name)...)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password, "PGSSLMODE=disable")
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("pgbench: %w: %s", err, problems.String())
	}
	found := tps.FindSubmatch(out.Bytes())
	if found == nil {
		return 0, fmt.Errorf("pgbench said nothing of its rate: %s", out.String())
	}
	return strconv.ParseFloat(string(found[1]), 64)
}

// bareLoop runs the bare statement by pgx, prepared.
func (v *vault) bareLoop(ctx context.Context) (float64, error) {
	config, err := pgxpool.ParseConfig(v.b.postgres.DSN("vault_" + v.name).Reveal())
	if err != nil {
		return 0, err
	}
	config.MaxConns = poolSize
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	sql := strings.ReplaceAll(bareStatement, ":u::text", "$1::int::text")
	s, err := during(ctx, poolSize, pick(v.b, 5*time.Second, 200*time.Millisecond), nil, func(ctx context.Context, _, n int) error {
		_, err := pool.Exec(ctx, sql, n%benchUsers+1)
		return err
	})
	return s.perSecond(), err
}
