package alerts_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"docuvault/functions/me/alerts"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/fault"
	"docuvault/shared/id"
)

type page struct {
	Items []struct {
		ID        string `json:"id"`
		Kind      string `json:"kind"`
		CreatedAt string `json:"created_at"`
	} `json:"items"`
	NextCursor string `json:"next_cursor"`
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, alerts.Function)
	c, other := v.SignUp(t, "a@example.org"), v.SignUp(t, "b@example.org")
	if got := strings.TrimSpace(string(c.Call(t, http.MethodGet, "/v1/me/alerts", nil).Bytes)); got != `{"items":[]}` {
		t.Errorf("no alerts: %s", got)
	}
	var made []string
	for range 5 {
		alert := id.New()
		made = append(made, alert.String())
		v.DB.Exec(t, `INSERT INTO alerts (id, user_id, kind) VALUES ($1, $2, 'quota_80')`, alert.String(), c.Grant.User.ID)
	}
	v.DB.Exec(t, `INSERT INTO alerts (id, user_id, kind) VALUES ($1, $2, 'quota_95')`, id.New().String(), other.Grant.User.ID)
	slices.Reverse(made)
	var got []string
	for cursor := ""; ; {
		var p page
		c.Call(t, http.MethodGet, "/v1/me/alerts?limit=2&cursor="+cursor, nil).JSON(t, http.StatusOK, &p)
		for _, item := range p.Items {
			if item.Kind != "quota_80" || item.CreatedAt == "" {
				t.Errorf("alert %+v", item)
			}
			got = append(got, item.ID)
		}
		if cursor = p.NextCursor; cursor == "" {
			break
		}
	}
	if !slices.Equal(got, made) {
		t.Errorf("by pages %v, want the own ones, newest first: %v", got, made)
	}
	c.Call(t, http.MethodGet, "/v1/me/alerts?cursor=x", nil).Problem(t, fault.CursorInvalid)
}
