package page

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/database"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/pgserver"
	sealed "docuvault/shared/vault"
	"docuvault/test/throwaway"
)

// many is how large a vault may be for the page.
const many = 100_000

// crowd makes an account with many papers that are ready: real rows with names
// that are sealed for them, written past the functions, since they are so many.
// They have no bytes in storage.
func crowd(t *testing.T, v *throwaway.Vault, data string) throwaway.Account {
	t.Helper()
	account, err := v.Register(t.Context(), "crowd@example.org")
	if err != nil {
		t.Fatal(err)
	}
	var me struct {
		ID id.ID `json:"id"`
	}
	call := func(method, path string, in, out any) {
		t.Helper()
		if _, err := v.Call(t.Context(), method, path, account.Token, in, out); err != nil {
			t.Fatal(err)
		}
	}
	call(http.MethodGet, "/v1/me", nil, &me)
	var topics, folders [6][16]byte
	for i, name := range []string{"invoice", "contract", "tax", "health", "insurance", "salary"} {
		var made struct {
			ID id.ID `json:"id"`
		}
		call(http.MethodPost, "/v1/topics", map[string]string{"name": name, "colour": fmt.Sprintf("#%02x6f7f", 40*i)}, &made)
		topics[i] = [16]byte(made.ID)
		call(http.MethodPost, "/v1/folders", map[string]string{"name": fmt.Sprint("Shelf ", i+1)}, &made)
		folders[i] = [16]byte(made.ID)
	}

	read := func(parts ...string) string {
		content, err := os.ReadFile(filepath.Join(append([]string{data}, parts...)...))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(content))
	}
	port := strings.Split(read("postgres", filepath.Base(pgserver.DataDir("x")), "postmaster.pid"), "\n")[3]
	dsn := func(user, password string) string {
		u := url.URL{Scheme: "postgres", Host: net.JoinHostPort("127.0.0.1", strings.TrimSpace(port)), Path: "/docuvault", RawQuery: "sslmode=disable", User: url.UserPassword(user, password)}
		return u.String()
	}
	env, _ := hosttest.Env(t, map[string]string{"DATABASE_URL": dsn("docuvault_app", read("secrets", "app-password")), "MASTER_KEYS": read("secrets", "master-keys")})
	papers, err := sealed.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := papers.Keys(t.Context(), database.OnBehalfOf(me.ID))
	if err != nil {
		t.Fatal(err)
	}
	super, err := pgx.Connect(t.Context(), dsn(pgserver.Superuser, read("postgres", "superuser-password")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = super.Close(t.Context()) }()
	// No trigger has to tell of each.
	if _, err := super.Exec(t.Context(), `SET session_replication_role = replica`); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	rows := pgx.CopyFromSlice(many, func(i int) ([]any, error) {
		document := id.New()
		name, err := sealed.SealNew(keys, document, fmt.Sprintf("paper %d.pdf", i), "", "")
		if err != nil {
			return nil, err
		}
		hash := make([]byte, 32)
		_, _ = rand.Read(hash) // never fails
		at := now.Add(-time.Duration(i) * time.Hour)
		return []any{[16]byte(document), [16]byte(me.ID), "ready", document.String(), int64(1000 + i), hash, "application/pdf", "application/pdf", now,
			name.Filename, topics[i%6], "user", folders[i/7%6], at, at, at}, nil
	})
	columns := []string{"id", "user_id", "status", "object_key", "size", "sha256", "content_type", "sniffed_type", "upload_expires_at",
		"filename_sealed", "topic_id", "topic_source", "folder_id", "created_at", "updated_at", "document_date"}
	if _, err := super.CopyFrom(t.Context(), pgx.Identifier{"documents"}, columns, rows); err != nil {
		t.Fatal(err)
	}
	if _, err := super.Exec(t.Context(), `ANALYZE documents`); err != nil {
		t.Fatal(err)
	}
	return account
}
