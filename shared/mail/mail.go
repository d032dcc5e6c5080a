// Package mail sends the few messages that an account gets (package letter says
// which): over SMTP, or into a folder of .eml files on a vault that only its own
// machine reaches.
//
// It promises: an event is told at most once ([Office.Deliver]); a message has a text and an HTML form with the same words, no
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

// Sender hands messages over. Send returns nil once the message was taken. An
// error that is [ErrNotTaken] or [ErrRefused] says that it certainly was not;
// after any other it may have been.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

var (
	// ErrNotTaken says that nothing was handed over; another time may do.
	ErrNotTaken = errors.New("nothing was handed over")
	// ErrRefused says that nothing was handed over, and never will be.
	ErrRefused = errors.New("the server refuses this message for good")
)

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

// Send sends the message. No error holds the server's words, which may hold the
// address. A server that cannot be reached, offers no TLS where that is
// demanded, does not know our password or says 4xx is [ErrNotTaken]; one that
// says 5xx is [ErrRefused]. A connection that ends between our last line and
// the server's answer is neither.
func (s smtp) Send(ctx context.Context, m Message) error {
	msg, err := compose(s.server.from, m)
	if err != nil {
		return errors.Join(err, ErrRefused)
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
		return fmt.Errorf("mail: the server's configuration is refused: %w", ErrNotTaken)
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	connection, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return fmt.Errorf("mail: the server cannot be reached, offers no TLS, or does not know our password: %w", ErrNotTaken)
	}
	// Whatever becomes of the farewell, the message was taken or not before.
	defer func() { _ = client.CloseWithSMTPClient(connection) }()
	err = client.SendWithSMTPClient(connection, msg)
	if err == nil || msg.IsDelivered() {
		return nil
	}
	return verdict(err)
}

// verdict says what an error while sending means (RFC 5321 section 4.2.1).
func verdict(err error) error {
	refusal, ok := errors.AsType[*gomail.SendError](err)
	switch {
	case !ok:
		return errors.New("mail: the connection failed while the message was sent")
	case refusal.ErrorCode() >= 500:
		return fmt.Errorf("mail: code %d: %w", refusal.ErrorCode(), ErrRefused)
	case refusal.ErrorCode() >= 400:
		return fmt.Errorf("mail: code %d: %w", refusal.ErrorCode(), ErrNotTaken)
	}
	switch refusal.Reason {
	case gomail.ErrConnCheck, gomail.ErrSMTPMailFrom, gomail.ErrSMTPRcptTo, gomail.ErrSMTPData:
		return fmt.Errorf("mail: the connection failed before the message was sent: %w", ErrNotTaken)
	default:
		return errors.New("mail: the server did not say whether it took the message")
	}
}

// Folder is a Sender that writes each message into a file of mode 0600.
type Folder string

// Send writes ID.eml, or nothing and is [ErrNotTaken].
func (f Folder) Send(_ context.Context, m Message) error {
	if err := f.write(m); err != nil {
		return fmt.Errorf("%w: %w", err, ErrNotTaken)
	}
	return nil
}

func (f Folder) write(m Message) error {
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
