package download_test

import (
	"io"
	"mime"
	"net/http"
	"strings"
	"testing"
	"time"

	"docuvault/shared/fault"
	"docuvault/shared/vaulttest"
	"docuvault/test/sample"
)

var (
	png  = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89")
	jpeg = []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
	webp = []byte("RIFF\x24\x00\x00\x00WEBPVP8 \x18\x00\x00\x000\x01\x00\x9d\x01\x2a")
	gif  = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00")
	html = []byte("<!DOCTYPE html><html><script>alert(1)</script></html>")
	svg  = []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`)
)

func TestWhatIsServedHow(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	const octets = "application/octet-stream"
	for name, c := range map[string]struct {
		announced   string
		content     []byte
		inline      bool
		contentType string
	}{
		"PDF":                    {"application/pdf", sample.PDF("a", "a paper"), true, "application/pdf"},
		"PNG":                    {"image/png", png, true, "image/png"},
		"JPEG":                   {"image/jpeg", jpeg, true, "image/jpeg"},
		"WebP":                   {"image/webp", webp, true, "image/webp"},
		"text":                   {"text/plain", []byte("plain words, nothing else"), true, "text/plain; charset=utf-8"},
		"GIF":                    {"image/gif", gif, false, octets},
		"HTML":                   {"text/html", html, false, octets},
		"SVG":                    {"image/svg+xml", svg, false, octets},
		"HTML that lies":         {"image/png", append(html, '\n'), false, octets},
		"SVG that lies":          {"text/plain", append(svg, '\n'), false, octets},
		"PDF that lies":          {"image/png", sample.PDF("b", "a PDF"), true, "application/pdf"},
		"text that lies":         {"application/pdf", []byte("no PDF at all, believe me"), true, "text/plain; charset=utf-8"},
		"a type with parameters": {"text/html; charset=utf-7", []byte("+ADw-script+AD4-alert(1)+ADw-/script+AD4- words"), true, "text/plain; charset=utf-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := u.Analyzed(t, `Rechnung "März" 5%.pdf`, c.announced, c.content)
			for _, asked := range []string{"", "?disposition=attachment", "?disposition=inline"} {
				resp, content := fetch(t, u, d, asked)
				disposition, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition"))
				want := "attachment"
				if asked == "?disposition=inline" && c.inline {
					want = "inline"
				}
				if err != nil || disposition != want || params["filename"] != `Rechnung "März" 5%.pdf` {
					t.Errorf("%s: disposition %q, %v, %v", asked, disposition, params, err)
				}
				if got := resp.Header.Get("Content-Type"); got != c.contentType {
					t.Errorf("%s: content type %q, want %q", asked, got, c.contentType)
				}
				if content != string(c.content) {
					t.Errorf("%s: other bytes", asked)
				}
			}
		})
	}
}

func fetch(t testing.TB, u *vaulttest.User, d vaulttest.Document, query string) (*http.Response, string) {
	t.Helper()
	var out struct {
		URL       string    `json:"url"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	u.Call(t, http.MethodGet, "/v1/documents/"+d.ID.String()+"/download"+query, nil).JSON(t, http.StatusOK, &out)
	if left := time.Until(out.ExpiresAt); left < 30*time.Second || left > time.Minute {
		t.Errorf("valid for %s", left)
	}
	resp, err := http.Get(out.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v: %s", resp.StatusCode, err, content)
	}
	return resp, string(content)
}

// RFC 6266: one form for old clients, one for all characters.
func TestBothFormsOfTheName(t *testing.T) {
	t.Parallel()
	u := vaulttest.New(t, nil).User(t)
	d := u.Store(t, "a\"b\\c%20;é.txt", "text/plain", vaulttest.Unique(t, 20))
	resp, _ := fetch(t, u, d, "")
	if got, want := resp.Header.Get("Content-Disposition"), `attachment; filename="a_b_c_20;_.txt"; filename*=UTF-8''a%22b_c%2520%3B%C3%A9.txt`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	d = u.Store(t, strings.Repeat("日", 255), "text/plain", vaulttest.Unique(t, 20))
	fetch(t, u, d, "")
}

func TestBeforeTheTypeIsKnown(t *testing.T) {
	t.Parallel()
	u := vaulttest.New(t, nil).User(t)
	d := u.Store(t, "a.pdf", "application/pdf", html)
	resp, _ := fetch(t, u, d, "?disposition=inline")
	if got := resp.Header.Get("Content-Type"); got != "application/octet-stream" || !strings.HasPrefix(resp.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%q, %q", got, resp.Header.Get("Content-Disposition"))
	}
}

func TestWhenThereIsNothingToDownload(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	b := u.Begin(t, "a.txt", "text/plain", vaulttest.Unique(t, 20))
	path := "/v1/documents/" + b.Document.ID.String()
	u.Call(t, http.MethodGet, path+"/download", nil).Problem(t, fault.WrongState)
	u.Call(t, http.MethodDelete, "/v1/uploads/"+b.Document.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	u.Call(t, http.MethodGet, path+"/download", nil).Problem(t, fault.WrongState)
	d := u.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 20))
	path = "/v1/documents/" + d.ID.String()
	u.Call(t, http.MethodDelete, path, nil).JSON(t, http.StatusNoContent, nil)
	fetch(t, u, d, "")
	if n := w.Audit(t, "document.downloaded", d.ID); n != 1 {
		t.Errorf("%d audit entries", n)
	}
	u.Call(t, http.MethodDelete, path+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
	u.Call(t, http.MethodGet, path+"/download", nil).Problem(t, fault.NotFound)
	if n := w.Audit(t, "document.downloaded", d.ID); n != 1 {
		t.Errorf("%d audit entries", n)
	}
	u.Call(t, http.MethodGet, path+"/download?disposition=other", nil).Problem(t, fault.ValidationFailed)
}
