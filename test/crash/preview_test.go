package crash_test

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"testing"

	"docuvault/shared/storage"
)

// drawing is a PNG with nothing on it.
func drawing() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 400, 300))); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func init() {
	stories["make a preview"] = story{
		messages: true,
		arrange:  stored(drawing(), "image/png"),
		act:      func(a *actor) error { return a.deliver("analyze") },
		check: func(t *testing.T, c *crashed) {
			t.Helper()
			isReady(t, c)
			var shown struct{ URL string }
			c.user.Call(t, http.MethodGet, "/v1/documents/"+c.Document.String()+"/preview", nil).JSON(t, http.StatusOK, &shown)
			c.derived(t, 2)
		},
	}
	stories["purge with a preview"] = story{
		messages: true,
		arrange: func(t *testing.T, c *crashed) subject {
			t.Helper()
			s := stored(drawing(), "image/png")(t, c)
			c.deliver(t)
			c.derived(t, 2)
			return s
		},
		act: func(a *actor) error {
			if err := a.call("documents-delete", http.MethodDelete, "/v1/documents/"+a.Document.String()+"?permanent=true", nil); err != nil {
				return err
			}
			return a.deliver("purge")
		},
		client: func(t *testing.T, c *crashed) {
			t.Helper()
			if c.user.Call(t, http.MethodDelete, "/v1/documents/"+c.Document.String()+"?permanent=true", nil).StatusCode == http.StatusNoContent {
				return
			}
			if c.count(t, `documents WHERE user_id = $1 AND status <> 'purging'`) != 0 {
				t.Error("it could not be deleted")
			}
		},
		check: func(t *testing.T, c *crashed) {
			t.Helper()
			isNothing(t, c)
			c.derived(t, 0)
		},
	}
}

// derived wants so many derived objects of the user, each with its row, and a row
// with each.
func (c *crashed) derived(t *testing.T, want int) {
	t.Helper()
	lister, err := storage.As[storage.Lister](c.Store.Derived)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for info, err := range lister.List(t.Context(), c.user.ID.String()+"/", "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
		var rows int
		c.query(t, &rows, `SELECT count(*) FROM objects WHERE key = $1 AND size = $2`, info.Key, info.Size)
		if rows != 1 {
			t.Errorf("%d rows of an object of %d bytes", rows, info.Size)
		}
	}
	if rows := c.count(t, `objects WHERE user_id = $1`); n != want || rows != want {
		t.Errorf("%d derived objects and %d rows, want %d", n, rows, want)
	}
}
