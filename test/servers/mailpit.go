package servers

import (
	"context"
	"errors"
)

// MailpitVersion is the release of Mailpit (MIT) that .ci/tool builds.
const MailpitVersion = "v1.27.11"

// Mailpit starts a mail server that keeps what it gets. It returns the address
// of its SMTP; the Server's URL is its HTTP API. ErrMissing where it was not
// built. flags are Mailpit's own.
func Mailpit(ctx context.Context, flags ...string) (s *Server, smtp string, err error) {
	binary, err := tool("mailpit-"+MailpitVersion, "mailpit")
	if err != nil {
		return nil, "", errors.Join(err, errors.New("make tools builds it"))
	}
	if smtp, err = freeAddress(ctx); err != nil {
		return nil, "", err
	}
	s, err = start(ctx, "Mailpit", "/readyz", func(address, own string) program {
		return program{
			Args: append([]string{binary, "--listen", address, "--smtp", smtp, "--disable-version-check"}, flags...),
			Env:  bare("HOME="+own, "TMPDIR="+own),
		}
	})
	return s, smtp, err
}
