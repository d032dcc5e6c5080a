// Package mail sends the few messages that an account gets: over SMTP, or into
// a folder of .eml files on a vault that only its own machine reaches.
//
// It promises: a message has a text and an HTML form with the same words, no
// remote content and nothing that tells when it is read; a password never goes
// over a connection without TLS except to this machine; no error holds the
// address, a link, or the server's credentials. What a message can say is a
// template of this package with a link and numbers, so none holds a file name,
// a topic or a text.
package mail

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"

	"docuvault/shared/id"
	"docuvault/shared/secret"
)

// Timeout is how long one message may take on its way to the server.
const Timeout = 10 * time.Second

// Message is one message to one person.
type Message struct {
	// ID names the event; it becomes the Message-ID, so that a server that gets
	// a message twice can tell.
	ID id.ID
	To string
	Content
}

// Sender hands messages over. Send returns nil once the message was taken.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// Config is where mail goes.
type Config struct {
	// URL is smtp://[user:password@]host[:587] or smtps://…[:465], with the
	// parameters from (the sender's address) and tls=none (no STARTTLS, for a
	// server in the same private network, and then without a password).
	URL secret.Text `env:"SMTP_URL"`

	server server
}

type server struct {
	host, user string
	port       int
	password   secret.Text
	from       string
	implicit   bool // smtps
	policy     gomail.TLSPolicy
}

var errURL = errors.New("SMTP_URL: want smtp://user:password@mail.example.org:587?from=vault@example.org, or smtps:// for TLS from the start")

// Validate reports a malformed URL without printing it. Without one, mail is
// off.
func (c *Config) Validate() error {
	if c.URL.IsZero() {
		return nil
	}
	u, err := url.Parse(c.URL.Reveal())
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" || u.Path != "" && u.Path != "/" {
		return errURL
	}
	s := server{host: u.Hostname(), port: 587, from: u.Query().Get("from"), implicit: u.Scheme == "smtps", policy: gomail.TLSMandatory}
	if s.implicit {
		s.port = 465
	}
	if raw := u.Port(); raw != "" {
		if s.port, err = strconv.Atoi(raw); err != nil || s.port < 1 || s.port > 65535 {
			return errURL
		}
	}
	if s.from == "" {
		return errors.New("SMTP_URL: add ?from= with the address that messages come from")
	}
	if err := gomail.NewMsg().From(s.from); err != nil {
		return errors.New("SMTP_URL: from= is no address")
	}
	s.user = u.User.Username()
	if password, ok := u.User.Password(); ok {
		s.password = secret.New(password)
	}
	switch tls := u.Query().Get("tls"); {
	case tls == "none" && s.implicit, tls != "none" && tls != "":
		return errors.New("SMTP_URL: tls= is none, with smtp:// only, or absent")
	case tls == "none" && s.user != "" && !loopback(s.host):
		return errors.New("SMTP_URL: a password does not go over a connection without TLS; take tls=none away")
	case tls == "none":
		s.policy = gomail.NoTLS
	case loopback(s.host):
		s.policy = gomail.TLSOpportunistic
	}
	c.server = s
	return nil
}

// loopback reports whether the host is this machine.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

type smtp struct{ server server }

// NewSMTP makes a Sender of a validated Config that has a URL. It connects for
// each message: a function keeps nothing between two.
func NewSMTP(c Config) (Sender, error) {
	if c.server.host == "" {
		return nil, errURL
	}
	return smtp{c.server}, nil
}

// Send sends the message. A server that cannot be reached, refuses, or offers
// no TLS where that is demanded, is an error without its words, which may hold
// the address.
func (s smtp) Send(ctx context.Context, m Message) error {
	msg, err := compose(s.server.from, m)
	if err != nil {
		return err
	}
	options := []gomail.Option{gomail.WithPort(s.server.port), gomail.WithTimeout(Timeout)}
	if s.server.implicit {
		options = append(options, gomail.WithSSL())
	} else {
		options = append(options, gomail.WithTLSPolicy(s.server.policy))
	}
	if s.server.user != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(s.server.user), gomail.WithPassword(s.server.password.Reveal()))
	}
	client, err := gomail.NewClient(s.server.host, options...)
	if err != nil {
		return errors.New("mail: the server's configuration is refused")
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		if refusal, ok := errors.AsType[*gomail.SendError](err); ok {
			return fmt.Errorf("mail: the server took no message (code %d)", refusal.ErrorCode())
		}
		return errors.New("mail: the server cannot be reached, offers no TLS, or does not know our password")
	}
	return nil
}

// Folder is a Sender that writes each message into a file of mode 0600.
type Folder string

// Send writes ID.eml. Sent again, it writes the same file.
func (f Folder) Send(_ context.Context, m Message) error {
	msg, err := compose("docuvault@localhost", m)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return fmt.Errorf("mail: make folder: %w", err)
	}
	tmp, err := os.CreateTemp(string(f), ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("mail: make file: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = msg.WriteTo(tmp)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("mail: write file: %w", err)
	}
	return os.Rename(tmp.Name(), filepath.Join(string(f), m.ID.String()+".eml"))
}

func compose(from string, m Message) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := msg.FromFormat("DocuVault", from); err != nil {
		return nil, errors.New("mail: the sender's address is malformed")
	}
	if err := msg.To(m.To); err != nil {
		return nil, errors.New("mail: the recipient's address is malformed")
	}
	msg.Subject(m.Subject)
	msg.SetMessageIDWithValue(m.ID.String() + "@docuvault")
	msg.SetDate()
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody answers it by machine
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return msg, nil
}
