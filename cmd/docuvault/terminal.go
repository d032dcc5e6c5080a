package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"docuvault/cmd/docuvault/internal/client"
	"docuvault/shared/secret"
)

// terminal says which of the streams a person sits at.
type terminal struct {
	streams
	input, results, messages bool
	dumb                     bool // it cannot move its cursor
	plain                    bool // no colours
}

func terminalOf(s streams) terminal {
	dumb := environment("TERM") == "dumb"
	return terminal{
		streams: s, input: isTerminal(s.in), results: isTerminal(s.out), messages: isTerminal(s.err),
		dumb: dumb, plain: dumb || environment("NO_COLOR") != "",
	}
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// credentials are those of the environment; what is missing is asked for.
func (t terminal) credentials(ctx context.Context, host string) (client.Credentials, error) {
	c := client.Credentials{
		Token: secret.New(environment("DOCUVAULT_TOKEN")),
		Email: environment("DOCUVAULT_EMAIL"), Password: secret.New(environment("DOCUVAULT_PASSWORD")),
	}
	if !c.Token.IsZero() {
		return client.Credentials{Token: c.Token}, nil
	}
	if (c.Email == "" || c.Password.IsZero()) && (!t.input || !t.messages) {
		return c, usage("sign in with DOCUVAULT_EMAIL and DOCUVAULT_PASSWORD, or with DOCUVAULT_TOKEN; there is no terminal to ask on")
	}
	if c.Email == "" {
		email, err := t.ask(ctx, fmt.Sprintf("Email at %s: ", host), false)
		if err != nil {
			return c, err
		}
		c.Email = strings.TrimSpace(email.Reveal())
	}
	if c.Password.IsZero() {
		var err error
		if c.Password, err = t.ask(ctx, fmt.Sprintf("Password of %s: ", c.Email), true); err != nil {
			return c, err
		}
	}
	if t.input && t.messages {
		asked := false
		c.TOTP = func(ctx context.Context) (secret.Text, error) {
			if asked {
				// Later there are bars where the question would stand.
				return secret.Text{}, errors.New("the session ended, and this account wants a code for a new one; run the same command again")
			}
			asked = true
			return t.ask(ctx, "Code of your authenticator: ", false)
		}
	}
	return c, nil
}

// ask reads one line, without echo when it is secret. It ends when ctx does, and
// leaves the terminal as it was.
func (t terminal) ask(ctx context.Context, question string, hidden bool) (secret.Text, error) {
	in, ok := t.in.(*os.File)
	if !ok {
		return secret.Text{}, errors.New("there is no terminal to ask on")
	}
	_, _ = io.WriteString(t.err, question)
	before, err := term.GetState(int(in.Fd()))
	if err != nil {
		return secret.Text{}, fmt.Errorf("ask on the terminal: %w", err)
	}
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		if hidden {
			b, err := term.ReadPassword(int(in.Fd()))
			answers <- answer{string(b), err}
			return
		}
		line, err := bufio.NewReader(in).ReadString('\n')
		answers <- answer{strings.TrimRight(line, "\r\n"), err}
	}()
	select {
	case a := <-answers:
		if hidden {
			_, _ = fmt.Fprintln(t.err)
		}
		if a.err != nil {
			return secret.Text{}, fmt.Errorf("read the answer: %w", a.err)
		}
		return secret.New(a.text), nil
	case <-ctx.Done():
		_ = term.Restore(int(in.Fd()), before)
		_, _ = fmt.Fprintln(t.err)
		return secret.Text{}, context.Cause(ctx)
	}
}
