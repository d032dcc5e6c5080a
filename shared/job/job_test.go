package job_test

import (
	"errors"
	"testing"

	"docuvault/shared/id"
	"docuvault/shared/job"
)

func TestEncodeHoldsIDsOnly(t *testing.T) {
	t.Parallel()
	d := job.Document{User: id.New(), Document: id.New()}
	if got, want := string(d.Encode()), `{"user_id":"`+d.User.String()+`","document_id":"`+d.Document.String()+`"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	u, d := id.New().String(), id.New().String()
	if got, err := job.Decode([]byte(`{"user_id":"` + u + `","document_id":"` + d + `","later":1}`)); err != nil || got.User.String() != u || got.Document.String() != d {
		t.Errorf("got %v, %v", got, err)
	}
	const none = "00000000-0000-0000-0000-000000000000"
	for _, body := range []string{"", "null", "[]", "1", "{", "{}", `"x"`, `{"user_id":"` + u + `"}`, `{"document_id":"` + d + `"}`,
		`{"user_id":"` + u + `","document_id":1}`, `{"user_id":"` + u + `","document_id":"x"}`, `{"user_id":"{` + u + `}","document_id":"` + d + `"}`,
		`{"user_id":"` + none + `","document_id":"` + d + `"}`, `{"user_id":"` + u + `","document_id":"` + none + `"}`, "\xff\xfe\x00",
		`{"user_id":"` + u + `","document_id":"` + d + `"}{}`, `{"Records":[]}`} {
		if got, err := job.Decode([]byte(body)); !errors.Is(err, job.ErrForeign) || got != (job.Document{}) {
			t.Errorf("%q: got %v, %v", body, got, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(job.Document{User: id.New(), Document: id.New()}.Encode())
	f.Add([]byte(`{"user_id":"","document_id":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := job.Decode(body)
		if err != nil {
			return
		}
		if again, err := job.Decode(d.Encode()); err != nil || again != d || d.User.IsNil() || d.Document.IsNil() {
			t.Errorf("%q: %v became %v, %v", body, d, again, err)
		}
	})
}
