package main

import (
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"

	"docuvault/cmd/docuvault/internal/embedded"
	"docuvault/shared/host"
	"docuvault/shared/mail"
)

// letterbox is where the mails of this vault go, as far as no variable says it.
type letterbox struct {
	folder string    // of .eml files; "" for a server, or none
	site   mail.Site // what links begin with; "" for PUBLIC_URL
}

// letterboxFor decides where mails go. Without SMTP_URL a vault that only its
// own machine reaches writes them into a folder, since whoever can read that
// can read everything; any other vault sends none, and says so where somebody
// asks for one.
func letterboxFor(vars embedded.Vars, reached string, addr net.Addr, data string) letterbox {
	var l letterbox
	local := loopback(addr)
	if !vars.Has("SMTP_URL") {
		// A folder proves nobody's address.
		vars.Default("EMAIL_VERIFICATION", "off")
		if local && vars["MAIL"] != "off" {
			vars.Set("MAIL", "on")
			l.folder = filepath.Join(data, "mail")
		}
	}
	if local && !vars.Has("PUBLIC_URL") {
		l.site = mail.Site(reached)
	}
	return l
}

// provide puts the letterbox where the mail worker looks for it.
func (l letterbox) provide(env *host.Env, log *slog.Logger) {
	if l.folder != "" {
		log.Warn("SMTP_URL is not set: mails are written into a folder, and sent to nobody", "folder", l.folder)
		host.Provide[mail.Sender](env, mail.Folder(l.folder))
	}
	if l.site != "" {
		host.Provide(env, l.site)
	}
}

func loopback(addr net.Addr) bool {
	a, err := netip.ParseAddrPort(addr.String())
	return err == nil && a.Addr().IsLoopback()
}
