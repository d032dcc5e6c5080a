package verify_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"docuvault/shared/vaulttest"
	"docuvault/shared/verify"
)

// A vault at work passes through states that look like damage for a moment:
// none of them may be called broken.
func TestAVaultAtWorkIsNotCalledBroken(t *testing.T) {
	t.Parallel()
	l := live(t)
	l.Work(t)
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for worker := range 2 {
		u := l.User(t)
		workers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				busy(t, u, fmt.Sprintf("paper %d of %d", n, worker))
			}
		})
	}
	for range 8 {
		r := run(t, l.options(t))
		if !r.OK {
			t.Errorf("called broken:\n%s", print(t, r))
		}
		for _, i := range r.Invariants {
			if i.Status == verify.NotChecked && i.Number < 9 {
				t.Errorf("number %d was not checked: %s", i.Number, i.Reason)
			}
		}
	}
	close(stop)
	workers.Wait()
}

// busy takes one document through its life, while workers run.
func busy(t *testing.T, u *vaulttest.User, content string) {
	begun := u.Begin(t, "paper.txt", "text/plain", []byte(content))
	if status := begun.Put(t, []byte(content)); status != http.StatusOK {
		t.Errorf("storage answered %d", status)
		return
	}
	path := begun.Document.ID.String()
	u.Call(t, http.MethodPost, "/v1/uploads/"+path+"/complete", nil).JSON(t, http.StatusOK, nil)
	u.Call(t, http.MethodPatch, "/v1/documents/"+path, map[string]any{"title": content, "tags": []string{"busy"}}).JSON(t, http.StatusOK, nil)
	u.Call(t, http.MethodDelete, "/v1/documents/"+path+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
}
