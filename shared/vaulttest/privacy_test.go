package vaulttest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/vaulttest"
	"docuvault/test/sample"
)

// Words that are nowhere but in what a person wrote. Each is in one place.
var planted = map[string]string{
	"file name":     "zanzibarquill",
	"second name":   "zephyrnettle",
	"title":         "quixotmarble",
	"correspondent": "brimstonelark",
	"notes":         "velvetthimble",
	"reference":     "oxbowpumice",
	"tag":           "gossamerfig",
	"topic":         "kestrelplum",
	"folder":        "juniperslate",
	"text":          "wolframpetal",
	"PDF text":      "cobaltmeadow",
	"mail text":     "ambergristle",
	"search":        "lanternmoss",
	"bad topic":     "ferrousdahlia",
	"bad path":      "umberthistle",
}

// forms are how a word might be written down by accident.
func forms(word string) map[string][]byte {
	upper := strings.ToUpper(word[:1]) + word[1:]
	return map[string][]byte{
		"plain": []byte(word), "capital": []byte(upper), "upper case": []byte(strings.ToUpper(word)),
		"hexadecimal": []byte(hex.EncodeToString([]byte(word))),
		// In the middle of base64 only a part of a word stands by itself.
		"base64":          []byte(base64.StdEncoding.EncodeToString([]byte(word))[:12]),
		"base64 of +1":    []byte(base64.StdEncoding.EncodeToString([]byte("x" + word))[4:12]),
		"base64 of +2":    []byte(base64.StdEncoding.EncodeToString([]byte("xy" + word))[4:12]),
		"bytes of UTF-16": []byte(strings.Join(strings.Split(word, ""), "\x00")),
	}
}

// A story with a word in every place where a person can write one: neither the
// database, nor the log, nor a problem, a message or an object's key holds any.
func TestNoWordLeavesTheSealedColumns(t *testing.T) {
	t.Parallel()
	outage := &vaulttest.Outage{}
	w := vaulttest.New(t, nil, outage.Provide(t))
	w.Allow("unavailable")
	w.Allow("A test broke this")
	u := w.User(t)
	p := planted
	var problems bytes.Buffer
	call := func(method, path string, body any, headers ...string) []byte {
		t.Helper()
		a := u.Call(t, method, path, body, headers...)
		if a.StatusCode >= 400 {
			fmt.Fprintf(&problems, "%s %s: %s\n", method, path[:min(len(path), 20)], a.Bytes)
		}
		return a.Bytes
	}

	content := fmt.Appendf(nil, "Invoice for %s and more. Amount due within 14 days, total 119.00 EUR, please transfer it.\n%s\n", p["text"], strings.ToUpper(p["text"]))
	body := vaulttest.Announce(p["file name"]+"."+p["file name"], "text/plain", content)
	body["title"], body["correspondent"], body["tags"], body["path"] = p["title"], p["correspondent"], []string{p["tag"]}, p["folder"]+"/below"
	var b vaulttest.Begun
	u.Call(t, http.MethodPost, "/v1/uploads", body).JSON(t, http.StatusCreated, &b)
	b.Put(t, content)
	key := w.Key(t, b.Document.ID)
	w.Notify(t, w.Event(key), vaulttest.EventToken)
	if err := w.Deliver(t, "uploadcomplete", []byte(w.Event(key))); err != nil {
		t.Fatal(err)
	}
	d := b.Document.ID.String()
	outage.Next("Get", vaulttest.Bug)
	if err := w.Deliver(t, "analyze", u.Job(b.Document.ID)); err == nil {
		t.Fatal("the broken attempt succeeded")
	}
	if err := w.Deliver(t, "analyze", u.Job(b.Document.ID)); err != nil {
		t.Fatal(err)
	}
	call(http.MethodPatch, "/v1/documents/"+d, map[string]any{"filename": p["second name"], "notes": p["notes"], "reference": p["reference"], "topic": p["topic"]})
	u.Analyzed(t, p["file name"]+".pdf", "application/pdf", sample.PDF(p["PDF text"], "A paper about "+p["PDF text"]+" and the kiln"))
	mail := "From: Alex <alex@example.org>\r\nTo: b@example.org\r\nSubject: " + p["mail text"] + "\r\nDate: Mon, 2 Dec 2024 10:00:00 +0000\r\nMIME-Version: 1.0\r\n\r\nWords about " + p["mail text"] + ".\r\n"
	u.Analyzed(t, p["second name"]+".eml", "message/rfc822", []byte(mail))
	broken := u.Analyzed(t, p["file name"]+".pdf", "application/pdf", []byte("%PDF-1.4\n"+p["PDF text"]))
	if broken.Status != "failed" {
		t.Errorf("status %s", broken.Status)
	}

	// What is refused.
	call(http.MethodPost, "/v1/uploads", body) // a duplicate, whose answer names the file to its owner
	problems.Reset()
	long := strings.Repeat(p["bad topic"]+" ", 20)
	call(http.MethodPatch, "/v1/documents/"+d, map[string]any{"topic": long})
	call(http.MethodPatch, "/v1/documents/"+d, map[string]any{"tags": []string{long}, "notes": p["notes"]})
	call(http.MethodPatch, "/v1/documents/"+d, map[string]any{"title": p["title"]}, "If-Match", `"1"`)
	call(http.MethodPatch, "/v1/documents/"+d, map[string]any{"title": p["title"], "folder_id": u.ID.String()})
	for _, change := range []map[string]any{{"path": p["bad path"] + "/.."}, {"path": strings.Repeat(p["bad path"]+"/", 40)}, {"folder_id": u.ID.String()}, {"size": 1 << 40}, {"size": int64(vaulttest.Quota) + 1}} {
		bad := vaulttest.Announce(p["file name"], "text/plain", vaulttest.Unique(t, 9))
		for name, value := range change {
			bad[name] = value
		}
		call(http.MethodPost, "/v1/uploads", bad)
	}
	call(http.MethodGet, "/v1/documents?topic="+url.QueryEscape(p["search"])+"&sort=x", nil)
	call(http.MethodGet, "/v1/documents?topic="+url.QueryEscape(p["search"]), nil)
	call(http.MethodGet, "/v1/documents?cursor="+url.QueryEscape(p["search"]), nil)
	outage.Next("Stat", vaulttest.Down)
	pending := u.Begin(t, p["file name"], "text/plain", vaulttest.Unique(t, 9))
	call(http.MethodPost, "/v1/uploads/"+pending.Document.ID.String()+"/complete", nil)
	if err := w.Deliver(t, "analyze", []byte(p["notes"])); err != nil {
		t.Error(err)
	}

	// What is read, and the end of it all.
	for _, path := range []string{"", "/text", "/download?disposition=inline"} {
		call(http.MethodGet, "/v1/documents/"+d+path, nil)
	}
	second := u.Store(t, p["second name"], "text/plain", vaulttest.Unique(t, 9))
	call(http.MethodDelete, "/v1/documents/"+second.ID.String(), nil)
	call(http.MethodPost, "/v1/documents/"+second.ID.String()+"/restore", nil)
	call(http.MethodDelete, "/v1/documents/"+second.ID.String()+"?permanent=true", nil)
	if err := w.Deliver(t, "purge", u.Job(second.ID)); err != nil {
		t.Error(err)
	}
	if err := w.Schedule(t, "reconcile"); err != nil {
		t.Error(err)
	}

	// The story was told: its owner reads every word.
	own := string(call(http.MethodGet, "/v1/documents/"+d, nil)) + string(call(http.MethodGet, "/v1/documents/"+d+"/text", nil)) +
		string(call(http.MethodGet, "/v1/documents?limit=200", nil)) + string(call(http.MethodGet, "/v1/documents?status=pending", nil))
	for _, place := range []string{"file name", "second name", "title", "correspondent", "notes", "reference", "tag", "topic", "text"} {
		if !strings.Contains(own, p[place]) {
			t.Errorf("%s: the owner does not find the word", place)
		}
	}
	if problems.Len() < 500 || dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM river.river_job`) < 5 {
		t.Error("too little happened for this test to mean anything")
	}

	var keys strings.Builder
	{
		fmt.Fprintln(&keys, dbtest.Query1[[]string](t, w.DB, `SELECT array_agg(object_key) FROM documents`))
	}
	for name, haystack := range map[string][]byte{
		"the database": w.DB.Dump(t), "the log": []byte(w.Log.String()), "a problem": problems.Bytes(), "an object key": []byte(keys.String()),
	} {
		for place, word := range planted {
			for form, needle := range forms(word) {
				if i := bytes.Index(haystack, needle); i >= 0 {
					t.Errorf("%s holds the word of the %s (%s): …%.300q…", name, place, form, haystack[max(0, i-120):min(len(haystack), i+60)])
				}
			}
		}
	}
	// Tokens, presigned queries and the message of events stay out of the log.
	for _, secret := range []string{u.Token, vaulttest.EventToken, "X-Amz-Signature", "X-Amz-Credential"} {
		if strings.Contains(w.Log.String(), secret) {
			t.Errorf("the log holds %.20s…", secret)
		}
	}
	if bytes.Contains(w.DB.Dump(t), []byte("X-Amz-Signature")) {
		t.Error("the database holds a presigned URL")
	}
}
