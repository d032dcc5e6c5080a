package learning_test

import (
	"fmt"
	"net/http"
	"testing"

	"docuvault/shared/id"
	"docuvault/shared/vaulttest"
)

// The words of these papers speak for nothing, and differ: only where a person
// put them says what they are.
func TestAFolderTeaches(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	folders := map[string]id.ID{}
	for _, name := range []string{"Boat", "Garden"} {
		var f struct{ ID id.ID }
		u.Call(t, http.MethodPost, "/v1/folders", map[string]any{"name": name}).JSON(t, http.StatusCreated, &f)
		folders[name] = f.ID
	}
	words := []string{"quince", "lamppost", "otter", "violin", "saddle", "puddle", "anvil", "thimble", "walnut", "gravel", "ribbon", "cinder", "magpie", "tundra", "copper", "willow"}
	n := 0
	paper := func(folder id.ID) vaulttest.Document {
		t.Helper()
		content := []byte(fmt.Sprintf("%s %s", words[n%len(words)], words[(n*7+3)%len(words)]))
		body := vaulttest.Announce(fmt.Sprint(n, ".txt"), "text/plain", content)
		body["folder_id"], body["allow_duplicate"] = folder, true
		n++
		var b vaulttest.Begun
		u.Call(t, http.MethodPost, "/v1/uploads", body).JSON(t, http.StatusCreated, &b)
		b.Put(t, content)
		u.Call(t, http.MethodPost, fmt.Sprintf("/v1/uploads/%s/complete", b.Document.ID), nil).JSON(t, http.StatusOK, nil)
		if err := w.Deliver(t, "analyze", u.Job(b.Document.ID)); err != nil {
			t.Fatal(err)
		}
		return u.Get(t, b.Document.ID)
	}
	if d := paper(folders["Boat"]); d.Topic == "Sailing" || d.TopicSource == "user" {
		t.Fatalf("before a correction: %q", d.Topic)
	}
	var taught []id.ID
	for range 6 {
		taught = append(taught, paper(folders["Boat"]).ID)
	}
	body := map[string]any{"ids": taught, "action": "topic", "topic": "Sailing"}
	u.Call(t, http.MethodPost, "/v1/documents/bulk", body).JSON(t, http.StatusOK, nil)
	if d := paper(folders["Boat"]); d.Topic != "Sailing" || d.TopicSource != "local" {
		t.Errorf("in the folder: %q by %q, %+v", d.Topic, d.TopicSource, d.Suggestions)
	}
	if d := paper(folders["Garden"]); d.Topic == "Sailing" {
		t.Error("in another folder: the same topic")
	}
	// Moved, they teach in the other folder at once, and no more in this one.
	body = map[string]any{"ids": taught, "action": "move", "folder_id": folders["Garden"]}
	u.Call(t, http.MethodPost, "/v1/documents/bulk", body).JSON(t, http.StatusOK, nil)
	if d := paper(folders["Garden"]); d.Topic != "Sailing" {
		t.Errorf("in the folder to which they were moved: %q", d.Topic)
	}
	if d := paper(folders["Boat"]); d.Topic == "Sailing" {
		t.Error("in the folder from which they were moved: the same topic")
	}
}
