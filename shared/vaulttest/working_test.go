package vaulttest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"docuvault/shared/auth"
	"docuvault/shared/id"
	"docuvault/shared/secret"
	"docuvault/shared/vaulttest"
	"docuvault/test/sample"
)

// working is a call that works, once.
type working struct {
	path string
	body any
}

const password = "correct horse battery staple"

// workings makes, for each operation that wants somebody signed in, what it
// needs, and a request that works.
var workings = map[string]func(t *testing.T, u *vaulttest.User) working{
	"admin-audit":   asAdmin("/v1/admin/audit"),
	"admin-stats":   asAdmin("/v1/admin/stats"),
	"admin-users":   asAdmin("/v1/admin/users"),
	"admin-invite":  withBody(asAdmin("/v1/admin/invites"), map[string]any{"email": "guest@example.org"}),
	"admin-invites": asAdmin("/v1/admin/invites"),
	"admin-change": func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		promote(t, u)
		return working{"/v1/admin/users/" + u.World.User(t).ID.String(), map[string]any{"quota_limit_bytes": 12345}}
	},
	"admin-uninvite": func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		promote(t, u)
		var made struct{ ID id.ID }
		u.Call(t, http.MethodPost, "/v1/admin/invites", map[string]any{}).JSON(t, http.StatusCreated, &made)
		return working{path: "/v1/admin/invites/" + made.ID.String()}
	},

	"auth-logout":       at("/v1/auth/logout"),
	"auth-sessions":     at("/v1/auth/sessions"),
	"auth-revokeothers": at("/v1/auth/sessions"),
	"auth-revoke": func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		other := id.New().String()
		u.World.DB.Exec(t, `INSERT INTO sessions (id, user_id, expires_at, idle_timeout) VALUES ($1, $2, now() + interval '1 day', interval '1 day')`, other, u.ID.String())
		return working{path: "/v1/auth/sessions/" + other}
	},
	"auth-reauth":   withBody(withPassword("/v1/auth/reauth"), map[string]any{"password": password}),
	"auth-password": withBody(withPassword("/v1/auth/password"), map[string]any{"current_password": password, "new_password": "another horse battery staple"}),

	"documents-list":     at("/v1/documents"),
	"documents-get":      document(""),
	"documents-text":     document("/text"),
	"documents-download": document("/download"),
	"documents-preview": func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		d := u.Analyzed(t, "a.pdf", "application/pdf", sample.PDF("t", id.New().String()))
		return working{path: "/v1/documents/" + d.ID.String() + "/preview"}
	},
	"documents-delete":    document(""),
	"documents-reprocess": document("/reprocess"),
	"documents-patch":     withBody(document(""), map[string]any{"title": "A title", "topic": "Pottery"}),
	"documents-restore": func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		r := document("")(t, u)
		u.Call(t, http.MethodDelete, r.path, nil).JSON(t, http.StatusNoContent, nil)
		return working{path: r.path + "/restore"}
	},

	"documents-summary": at("/v1/documents/summary"),
	"folders-list":      at("/v1/folders"),
	"folders-create":    withBody(at("/v1/folders"), map[string]any{"name": "House"}),
	"folders-patch":     withBody(named("/v1/folders", ""), map[string]any{"name": "Home"}),
	"folders-delete":    named("/v1/folders", ""),
	"topics-list":       at("/v1/topics"),
	"topics-create":     withBody(at("/v1/topics"), map[string]any{"name": "Kiln"}),
	"topics-patch":      withBody(named("/v1/topics", ""), map[string]any{"name": "Home"}),
	"topics-delete":     named("/v1/topics", ""),
	"tags-list":         at("/v1/tags"),
	"tags-patch":        withBody(tagged(""), map[string]any{"name": "Home"}),
	"tags-delete":       tagged(""),
	"tags-merge": func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		r := tagged("/merge")(t, u)
		into := strings.TrimPrefix(tagged("")(t, u).path, "/v1/tags/")
		return working{r.path, map[string]any{"into": into}}
	},

	"me-get":         at("/v1/me"),
	"me-delete":      at("/v1/me"),
	"me-alerts":      at("/v1/me/alerts"),
	"me-readalerts":  withBody(at("/v1/me/alerts/read"), map[string]any{"up_to": id.New()}),
	"me-audit":       at("/v1/me/audit"),
	"me-exportaudit": at("/v1/me/audit/export"),
	"me-patch":       withBody(at("/v1/me"), map[string]any{"display_name": "Ada"}),
	"me-tokens":      at("/v1/me/tokens"),
	"me-createtoken": withBody(at("/v1/me/tokens"), map[string]any{"name": "scanner", "scopes": []string{"upload"}}),
	"me-revoketoken": func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		_, token := apiToken(t, u, "read")
		return working{path: "/v1/me/tokens/" + token}
	},
	"me-totp":          at("/v1/me/totp"),
	"me-totpenrol":     at("/v1/me/totp"),
	"me-totpconfirm":   confirmation,
	"me-totpremove":    withFactor("/v1/me/totp"),
	"me-recoverycodes": withFactor("/v1/me/totp/recovery-codes"),

	"search-query": withBody(at("/v1/search"), map[string]any{"q": "pottery"}),

	"trash-empty": func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		r := document("")(t, u)
		u.Call(t, http.MethodDelete, r.path, nil).JSON(t, http.StatusNoContent, nil)
		return working{path: "/v1/trash"}
	},

	"uploads-begin": func(t *testing.T, _ *vaulttest.User) working {
		t.Helper()
		body := vaulttest.Announce("a.txt", "text/plain", vaulttest.Unique(t, 100))
		body["allow_duplicate"] = true // so that nothing else keeps a second one away
		return working{"/v1/uploads", body}
	},
	"changes-list": at("/v1/changes"),
	"documents-bulk": func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		d := strings.TrimPrefix(document("")(t, u).path, "/v1/documents/")
		return working{"/v1/documents/bulk", map[string]any{"ids": []string{d}, "action": "trash"}}
	},
	"uploads-batch": func(t *testing.T, _ *vaulttest.User) working {
		t.Helper()
		return working{"/v1/uploads/batch", map[string]any{"uploads": []any{vaulttest.Announce("a.txt", "text/plain", vaulttest.Unique(t, 100))}}}
	},
	"uploads-abort": func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		b := u.Begin(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
		return working{path: "/v1/uploads/" + b.Document.ID.String()}
	},
	"uploads-complete": func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		content := vaulttest.Unique(t, 100)
		b := u.Begin(t, "a.txt", "text/plain", content)
		if status := b.Put(t, content); status != http.StatusOK {
			t.Fatalf("storage answered %d", status)
		}
		return working{path: "/v1/uploads/" + b.Document.ID.String() + "/complete"}
	},
	"uploads-listparts": func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		b := u.Begin(t, "a.txt", "text/plain", vaulttest.Unique(t, 2000))
		return working{path: "/v1/uploads/" + b.Document.ID.String() + "/parts"}
	},
	"uploads-parts": func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		content := vaulttest.Unique(t, 2000)
		b := u.Begin(t, "a.txt", "text/plain", content)
		return working{"/v1/uploads/" + b.Document.ID.String() + "/parts", map[string]any{"parts": []any{vaulttest.AnnouncePart(content, 1)}}}
	},
}

func at(path string) func(*testing.T, *vaulttest.User) working {
	return func(*testing.T, *vaulttest.User) working { return working{path: path} }
}

func withBody(make func(*testing.T, *vaulttest.User) working, body any) func(*testing.T, *vaulttest.User) working {
	return func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		return working{make(t, u).path, body}
	}
}

func promote(t *testing.T, u *vaulttest.User) {
	t.Helper()
	u.World.DB.Exec(t, `UPDATE users SET role = 'admin' WHERE id = $1`, u.ID.String())
}

func asAdmin(path string) func(*testing.T, *vaulttest.User) working {
	return func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		promote(t, u)
		return working{path: path}
	}
}

func withPassword(path string) func(*testing.T, *vaulttest.User) working {
	return func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		hasher, err := auth.OpenHasher(u.World.Env)
		if err != nil {
			t.Fatal(err)
		}
		phc, err := hasher.Hash(t.Context(), secret.New(password))
		if err != nil {
			t.Fatal(err)
		}
		u.World.DB.Exec(t, `INSERT INTO credentials (user_id, kind, phc) VALUES ($1, 'password', $2)`, u.ID.String(), phc)
		return working{path: path}
	}
}

func withFactor(path string) func(*testing.T, *vaulttest.User) working {
	return func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		confirm := confirmation(t, u)
		u.Call(t, http.MethodPost, confirm.path, confirm.body).JSON(t, http.StatusOK, nil)
		return working{path: path}
	}
}

// confirmation is a second factor that only has to be confirmed.
func confirmation(t *testing.T, u *vaulttest.User) working {
	t.Helper()
	var enrolled struct{ Secret string }
	u.Call(t, http.MethodPost, "/v1/me/totp", nil).JSON(t, http.StatusCreated, &enrolled)
	code, err := totp.GenerateCode(enrolled.Secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return working{"/v1/me/totp/confirm", map[string]any{"code": code}}
}

// named is a folder or a topic.
func named(list, below string) func(*testing.T, *vaulttest.User) working {
	return func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		var made struct{ ID string }
		u.Call(t, http.MethodPost, list, map[string]any{"name": "A " + id.New().String()}).JSON(t, http.StatusCreated, &made)
		return working{path: list + "/" + made.ID + below}
	}
}

// tagged is a tag that a document has.
func tagged(below string) func(*testing.T, *vaulttest.User) working {
	return func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		name := id.New().String()
		d := document("")(t, u)
		u.Call(t, http.MethodPatch, d.path, map[string]any{"tags": []string{name}}).JSON(t, http.StatusOK, nil)
		var tags struct{ Items []struct{ ID, Name string } }
		u.Call(t, http.MethodGet, "/v1/tags", nil).JSON(t, http.StatusOK, &tags)
		for _, tag := range tags.Items {
			if tag.Name == name {
				return working{path: "/v1/tags/" + tag.ID + below}
			}
		}
		t.Fatalf("no tag %s", name)
		return working{}
	}
}

// document is one that is ready.
func document(below string) func(*testing.T, *vaulttest.User) working {
	return func(t *testing.T, u *vaulttest.User) working {
		t.Helper()
		d := u.Analyzed(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
		return working{path: "/v1/documents/" + d.ID.String() + below}
	}
}
