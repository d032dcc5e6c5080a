package hosthttp

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"docuvault/shared/host/lambdatest"
)

// What is in a real event is in the request, and nothing is lost in between.
func TestRealEventsBecomeRequests(t *testing.T) {
	t.Parallel()
	for name, raw := range lambdatest.Events(t, "http") {
		var event events.APIGatewayV2HTTPRequest
		if err := json.Unmarshal(raw, &event); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		called := 0
		answer, err := lambdaHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			called++
			sameRequest(t, name, event, r)
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "body")
		}))(t.Context(), event)
		if err != nil || called != 1 {
			t.Errorf("%s: called %d times, %v", name, called, err)
			continue
		}
		if answer.StatusCode != http.StatusTeapot || answer.Body != "body" || len(answer.Cookies) != 1 {
			t.Errorf("%s: answered %+v", name, answer)
		}
	}
}

func sameRequest(t *testing.T, name string, event events.APIGatewayV2HTTPRequest, r *http.Request) {
	t.Helper()
	about := event.RequestContext.HTTP
	if r.Method != about.Method || r.URL.EscapedPath() != event.RawPath || r.RemoteAddr != about.SourceIP {
		t.Errorf("%s: %s %s from %s", name, r.Method, r.URL.EscapedPath(), r.RemoteAddr)
	}
	want, err := url.ParseQuery(event.RawQueryString)
	if got := r.URL.Query(); err != nil || got.Encode() != want.Encode() {
		t.Errorf("%s: query %v, want %v, %v", name, got, want, err)
	}
	for header, value := range event.Headers {
		got := strings.Join(r.Header.Values(header), ";;")
		if strings.EqualFold(header, "Host") {
			got = r.Host
		}
		if got != value {
			t.Errorf("%s: header %s is %q, want %q", name, header, got, value)
		}
	}
	if got := r.Header.Values("Cookie"); len(event.Cookies) > 0 && !slices.Equal(got, event.Cookies) {
		t.Errorf("%s: cookies %q, want %q", name, got, event.Cookies)
	}
	body := event.Body
	if event.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(body)
		if err != nil {
			t.Error(err)
		}
		body = string(decoded)
	}
	if got, err := io.ReadAll(r.Body); err != nil || string(got) != body {
		t.Errorf("%s: body %q, want %q, %v", name, got, body, err)
	}
}
