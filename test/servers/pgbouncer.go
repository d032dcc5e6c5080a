package servers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// bouncerAdmin may ask PgBouncer's own console, with a password that is no
// secret.
const bouncerAdmin = "console"

// PgBouncer starts PgBouncer in transaction mode between clients and the server
// of a DSN, whose user it admits to every database there. settings are those of
// its section [pgbouncer], and win over ours. ErrMissing where it is not
// installed (Debian: pgbouncer).
func PgBouncer(ctx context.Context, dsn string, settings map[string]string) (*Server, error) {
	binary, err := exec.LookPath("pgbouncer")
	if err != nil {
		if binary, err = executable("/usr/sbin", "pgbouncer"); err != nil {
			return nil, err
		}
	}
	u, err := url.Parse(dsn)
	if err != nil || u.User == nil {
		return nil, errors.New("start PgBouncer: want a DSN with a user")
	}
	password, _ := u.User.Password()
	return start(ctx, "PgBouncer", "", func(address, own string) program {
		host, port, _ := strings.Cut(address, ":")
		ini := map[string]string{
			"listen_addr": host, "listen_port": port, "unix_socket_dir": "",
			"auth_type": "scram-sha-256", "auth_file": own + "/users",
			"admin_users": bouncerAdmin,
			"pool_mode":   "transaction",
			// As Debian ships it, but quieter and never full.
			"max_client_conn": "1000", "log_connections": "0", "log_disconnections": "0",
		}
		maps.Copy(ini, settings)
		text := fmt.Sprintf("[databases]\n* = host=%s port=%s\n[pgbouncer]\n", u.Hostname(), u.Port())
		for _, name := range slices.Sorted(maps.Keys(ini)) {
			text += name + " = " + ini[name] + "\n"
		}
		args := []string{binary}
		if os.Geteuid() == 0 {
			// It does not run as root, and gives that up after it has read its files.
			args = append(args, "-u", "nobody")
		}
		return program{
			Args: append(args, own+"/pgbouncer.ini"),
			Env:  bare("HOME="+own, "TMPDIR="+own),
			Files: map[string]string{
				"pgbouncer.ini": text,
				"users":         fmt.Sprintf("%q %q\n%q %q\n", u.User.Username(), password, bouncerAdmin, bouncerAdmin),
			},
		}
	})
}

// Through is the DSN by way of this server, a pooler.
func (s *Server) Through(dsn string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return "", err
	}
	u.Host = s.Addr()
	return u.String(), nil
}

// Console is the DSN of PgBouncer's own console.
func (s *Server) Console() string {
	return "postgres://" + bouncerAdmin + ":" + bouncerAdmin + "@" + s.Addr() + "/pgbouncer?sslmode=disable&default_query_exec_mode=simple_protocol"
}
