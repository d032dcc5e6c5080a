package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"docuvault/shared/secret"
)

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	const planted = "correct-horse-battery"
	s := secret.New(planted)
	wrapped := struct {
		Password   secret.Text
		unexported secret.Text
		pointer    *secret.Text
	}{s, s, &s}

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb+"\n", s, &s, wrapped)
	}
	encoded, err := json.Marshal(wrapped)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "secret", s, "wrapped", wrapped)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "secret", s, "wrapped", wrapped)

	if strings.Contains(out.String(), planted) || strings.Contains(out.String(), fmt.Sprintf("%x", planted)) {
		t.Errorf("the secret was printed:\n%s", out.String())
	}
	if s.Reveal() != planted {
		t.Errorf("Reveal() = %q", s.Reveal())
	}
}
