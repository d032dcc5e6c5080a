package audit_test

import (
	"net/http"
	"slices"
	"testing"

	"docuvault/functions/me/audit"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/fault"
)

type page struct {
	Items []struct {
		ID       int64          `json:"id"`
		Actor    string         `json:"actor"`
		Action   string         `json:"action"`
		Target   string         `json:"target"`
		Metadata map[string]any `json:"metadata"`
		Network  string         `json:"network"`
		Device   string         `json:"device"`
	} `json:"items"`
	NextCursor string `json:"next_cursor"`
}

func TestAudit(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, audit.Function)
	c := v.SignUp(t, "a@example.org")
	v.SignUp(t, "b@example.org")
	v.DB.Exec(t, `INSERT INTO audit_log (user_id, actor, action, metadata) SELECT $1, 'system', 'test.' || n, jsonb_build_object('n', n) FROM generate_series(1, 5) n`, c.Grant.User.ID)
	v.DB.Exec(t, `INSERT INTO audit_log (user_id, actor, action) VALUES (NULL, 'system', 'test.nobody')`)

	var all page
	c.Call(t, http.MethodGet, "/v1/me/audit", nil).JSON(t, http.StatusOK, &all)
	if len(all.Items) != 7 || all.NextCursor != "" {
		t.Fatalf("%d entries, cursor %q; want the own 7", len(all.Items), all.NextCursor)
	}
	if newest := all.Items[0]; newest.Action != "test.5" || newest.Metadata["n"] != 5.0 || newest.Actor != "system" || newest.Device != "" {
		t.Errorf("newest %+v", newest)
	}
	if signIn := all.Items[5]; signIn.Action != "session.created" || signIn.Actor != "user" || signIn.Device != "Firefox on Linux" || signIn.Target == "" {
		t.Errorf("sign-in %+v", signIn)
	}
	var pages []int64
	for cursor := ""; ; {
		var p page
		c.Call(t, http.MethodGet, "/v1/me/audit?limit=3&cursor="+cursor, nil).JSON(t, http.StatusOK, &p)
		for _, item := range p.Items {
			pages = append(pages, item.ID)
		}
		if cursor = p.NextCursor; cursor == "" {
			break
		}
	}
	if len(pages) != 7 {
		t.Fatalf("%d entries by pages of 3", len(pages))
	}
	for i, item := range all.Items {
		if pages[i] != item.ID {
			t.Errorf("entry %d by pages is %d, want %d", i, pages[i], item.ID)
		}
	}
	// The entry stays when its personal part is deleted.
	v.DB.Exec(t, `DELETE FROM audit_personal`)
	var after page
	c.Call(t, http.MethodGet, "/v1/me/audit", nil).JSON(t, http.StatusOK, &after)
	if len(after.Items) != 7 || after.Items[5].Action != "session.created" || after.Items[5].Device != "" {
		t.Errorf("after the personal part went: %+v", after.Items)
	}
}

func TestHistoryOfOneTarget(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, audit.Function)
	anna, ben := v.SignUp(t, "a@example.org"), v.SignUp(t, "b@example.org")
	const document, other = "01900000-0000-7000-8000-000000000001", "01900000-0000-7000-8000-000000000002"
	write := func(user, target, action string) {
		v.DB.Exec(t, `INSERT INTO audit_log (user_id, actor, action, target) VALUES ($1, 'user', $2, $3)`, user, action, target)
	}
	for _, action := range []string{"upload.begun", "upload.stored", "document.changed"} {
		write(anna.Grant.User.ID, document, action)
		write(anna.Grant.User.ID, other, action)
	}
	write(ben.Grant.User.ID, document, "document.changed")

	var got []string
	for cursor := ""; ; {
		var p page
		anna.Call(t, http.MethodGet, "/v1/me/audit?limit=2&target="+document+"&cursor="+cursor, nil).JSON(t, http.StatusOK, &p)
		for _, item := range p.Items {
			if item.Target != document {
				t.Errorf("entry of %s", item.Target)
			}
			got = append(got, item.Action)
		}
		if cursor = p.NextCursor; cursor == "" {
			break
		}
	}
	if want := []string{"document.changed", "upload.stored", "upload.begun"}; !slices.Equal(got, want) {
		t.Errorf("history %v, want %v", got, want)
	}
	// A document of somebody else has no history, as one that nobody has.
	for _, target := range []string{other, "01900000-0000-7000-8000-000000000003"} {
		var none page
		ben.Call(t, http.MethodGet, "/v1/me/audit?target="+target, nil).JSON(t, http.StatusOK, &none)
		if len(none.Items) != 0 {
			t.Errorf("entries %+v", none.Items)
		}
	}
}

func TestBadPages(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, audit.Function)
	c := v.SignUp(t, "a@example.org")
	c.Call(t, http.MethodGet, "/v1/me/audit?cursor=x", nil).Problem(t, fault.CursorInvalid)
	for _, query := range []string{"limit=0", "limit=201", "limit=x", "offset=3", "target=x"} {
		c.Call(t, http.MethodGet, "/v1/me/audit?"+query, nil).Problem(t, fault.ValidationFailed)
	}
	v.Client().Call(t, http.MethodGet, "/v1/me/audit", nil).Problem(t, fault.Unauthenticated)
}
