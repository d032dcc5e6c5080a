package readalerts_test

import (
	"net/http"
	"slices"
	"testing"

	"docuvault/functions/changes/list"
	"docuvault/functions/me/alerts"
	"docuvault/functions/me/readalerts"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/fault"
	"docuvault/shared/id"
)

func TestReadAlerts(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, alerts.Function, readalerts.Function, list.Function)
	c, other := v.SignUp(t, "a@example.org"), v.SignUp(t, "b@example.org")
	alert := func(of *authtest.Client) string {
		made := id.New().String()
		v.DB.Exec(t, `INSERT INTO alerts (id, user_id, kind) VALUES ($1, $2, 'quota_80')`, made, of.Grant.User.ID)
		return made
	}
	// read is when each of the alerts was read, the oldest first; "" for not yet.
	read := func(of *authtest.Client) (at []string) {
		t.Helper()
		var page struct {
			Items []struct {
				ReadAt string `json:"read_at"`
			} `json:"items"`
		}
		of.Call(t, http.MethodGet, "/v1/me/alerts", nil).JSON(t, http.StatusOK, &page)
		for _, item := range slices.Backward(page.Items) {
			at = append(at, item.ReadAt)
		}
		return at
	}
	mark := func(of *authtest.Client, upTo string) {
		t.Helper()
		of.Call(t, http.MethodPost, "/v1/me/alerts/read", map[string]any{"up_to": upTo}).JSON(t, http.StatusNoContent, nil)
	}
	changes := func(since string) (told []string, next string) {
		t.Helper()
		v.DB.WaitForOthers(t, "") // who hold the feed back
		var page struct {
			Items []struct{ Kind, ID, Op string } `json:"items"`
			Next  string                          `json:"next_cursor"`
		}
		c.Call(t, http.MethodGet, "/v1/changes?since="+since, nil).JSON(t, http.StatusOK, &page)
		for _, item := range page.Items {
			told = append(told, item.Kind+" "+item.ID+" "+item.Op)
		}
		return told, page.Next
	}

	alert(other)
	first, second := alert(c), alert(c)
	foreign := alert(other)
	third := alert(c)
	_, cursor := changes("")
	for _, nobodys := range []string{foreign, id.New().String()} {
		mark(c, nobodys)
	}
	if got := read(c); !slices.Equal(got, []string{"", "", ""}) {
		t.Errorf("another's and nobody's alert marked own ones: %q", got)
	}

	mark(c, second)
	got := read(c)
	if got[0] == "" || got[1] == "" || got[2] != "" {
		t.Fatalf("up to the second of three: %q", got)
	}
	told, cursor := changes(cursor)
	if slices.Sort(told); !slices.Equal(told, []string{"alert " + first + " changed", "alert " + second + " changed"}) {
		t.Errorf("told to other pages: %q", told)
	}
	mark(c, second)
	mark(c, first)
	if again := read(c); !slices.Equal(again, got) {
		t.Errorf("a repeat: %q, before it %q", again, got)
	}
	if told, _ := changes(cursor); len(told) > 0 {
		t.Errorf("a repeat was told: %q", told)
	}
	mark(c, third)
	if now := read(c); now[0] != got[0] || now[2] == "" {
		t.Errorf("all: %q, before %q", now, got)
	}
	if got := read(other); !slices.Equal(got, []string{"", ""}) {
		t.Errorf("the other's: %q", got)
	}

	for _, wrong := range []any{nil, map[string]any{}, map[string]any{"up_to": "x"}} {
		c.Call(t, http.MethodPost, "/v1/me/alerts/read", wrong).Problem(t, fault.ValidationFailed)
	}
}
