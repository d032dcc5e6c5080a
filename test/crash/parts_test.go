package crash_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"docuvault/shared/vaulttest"
)

// partsAbove is the size in bytes above which these worlds send in parts.
const partsAbove = 4000

// large is a paper that is sent in parts (one: the smallest is 5 MiB).
var large = bytes.Repeat(invoice, partsAbove/len(invoice)+1)

func init() {
	stories["parts"] = story{
		arrange: func(t *testing.T, c *crashed) subject {
			t.Helper()
			s := inParts(t, c)
			body, err := json.Marshal(map[string]any{"parts": []any{vaulttest.AnnouncePart(large, 1)}})
			if err != nil {
				t.Fatal(err)
			}
			s.Body = body
			return s
		},
		act: func(a *actor) error {
			return a.call("uploads-parts", http.MethodPost, "/v1/uploads/"+a.Document.String()+"/parts", a.Body)
		},
		client: func(t *testing.T, c *crashed) {
			t.Helper()
			sendAll(t, c, c.subject)
			c.user.Call(t, http.MethodPost, "/v1/uploads/"+c.Document.String()+"/complete", nil).JSON(t, http.StatusOK, nil)
		},
		check: isReady,
	}
	complete := story{
		messages: true,
		arrange: func(t *testing.T, c *crashed) subject {
			t.Helper()
			s := inParts(t, c)
			sendAll(t, c, s)
			return s
		},
		act: func(a *actor) error {
			err := a.call("uploads-complete", http.MethodPost, "/v1/uploads/"+a.Document.String()+"/complete", nil)
			if err != nil {
				return err
			}
			return a.deliver("uploadcomplete")
		},
		check: isReady,
	}
	stories["complete parts, and the client never comes back"] = complete
	complete.client = func(t *testing.T, c *crashed) {
		t.Helper()
		c.user.Call(t, http.MethodPost, "/v1/uploads/"+c.Document.String()+"/complete", nil).JSON(t, http.StatusOK, nil)
	}
	stories["complete parts"] = complete
	stories["parts that lie"] = story{
		messages: true,
		arrange: func(t *testing.T, c *crashed) subject {
			t.Helper()
			s := inParts(t, c)
			lie := bytes.Clone(large)
			lie[0] ^= 1
			for _, p := range c.user.SignParts(t, vaulttest.Begun{Document: vaulttest.Document{ID: s.Document}}, lie, 1) {
				if status := p.Put(t, lie); status != http.StatusOK {
					t.Fatalf("storage answered %d", status)
				}
			}
			return s
		},
		act: complete.act,
		check: func(t *testing.T, c *crashed) {
			t.Helper()
			isNothing(t, c)
			once(t, c, "upload.rejected")
		},
	}
	stories["abort parts"] = story{
		arrange: complete.arrange,
		act: func(a *actor) error {
			return a.call("uploads-abort", http.MethodDelete, "/v1/uploads/"+a.Document.String(), nil)
		},
		client: func(t *testing.T, c *crashed) {
			t.Helper()
			c.user.Call(t, http.MethodDelete, "/v1/uploads/"+c.Document.String(), nil).JSON(t, http.StatusNoContent, nil)
		},
		check: func(t *testing.T, c *crashed) {
			t.Helper()
			isNothing(t, c)
			once(t, c, "upload.aborted")
			for u, err := range c.Parts(t).ListStale(t.Context(), time.Now().Add(time.Hour)) {
				if err != nil {
					t.Fatal(err)
				}
				if u.Key == c.Key {
					t.Error("storage still has the parts")
				}
			}
		},
	}
}

// inParts is a pending document of which nothing was sent.
func inParts(t *testing.T, c *crashed) subject {
	t.Helper()
	begun := c.user.Begin(t, "paper", "text/plain", large)
	if begun.Upload.Multipart == nil || begun.Upload.Multipart.PartCount != 1 {
		t.Fatalf("not in one part: %+v", begun.Upload)
	}
	return subject{Document: begun.Document.ID, Key: c.World.Key(t, begun.Document.ID)}
}

func sendAll(t *testing.T, c *crashed, s subject) {
	t.Helper()
	c.user.PutParts(t, vaulttest.Begun{Document: vaulttest.Document{ID: s.Document}}, large, 1)
}
