package servers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
)

// PebbleVersion is the release of Pebble (MPL-2.0), Let's Encrypt's own
// authority for tests, that .ci/tool builds.
const PebbleVersion = "v2.10.3"

// Authority is an ACME certificate authority that runs.
type Authority struct {
	*Server
	// Directory is its ACME directory.
	Directory string
	// Root is the certificate that its certificates come from, as PEM.
	Root []byte

	dns *Server
}

// Pebble starts a certificate authority. It serves its directory with this
// certificate (PEM, for 127.0.0.1), and asks for every name at 127.0.0.1: its
// TLS-ALPN-01 challenge on this port. ErrMissing where it was not built.
func Pebble(ctx context.Context, cert, key []byte, tlsPort int) (*Authority, error) {
	pebble, err := tool("pebble-"+PebbleVersion, "pebble")
	if err != nil {
		return nil, errors.Join(err, errors.New("make tools builds it"))
	}
	resolver, err := tool("pebble-challtestsrv-"+PebbleVersion, "pebble-challtestsrv")
	if err != nil {
		return nil, errors.Join(err, errors.New("make tools builds it"))
	}
	directory, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	a := &Authority{Directory: "https://" + directory + "/dir"}
	names, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	a.dns, err = start(ctx, "Pebble's DNS", "", func(address, own string) program {
		return program{
			Args: []string{resolver, "-dnsserver", names, "-management", address, "-defaultIPv6", "", "-doh", "", "-http01", "", "-https01", "", "-tlsalpn01", ""},
			Env:  bare("HOME=" + own),
		}
	})
	if err != nil {
		return nil, err
	}
	a.Server, err = start(ctx, "Pebble", "", func(address, own string) program {
		_, nobody, _ := net.SplitHostPort(address) // a port where no http challenge is answered
		httpPort, _ := strconv.Atoi(nobody)
		config, _ := json.Marshal(map[string]any{"pebble": map[string]any{ // maps of scalars
			"listenAddress": directory, "managementListenAddress": address,
			"certificate": filepath.Join(own, "cert"), "privateKey": filepath.Join(own, "key"),
			"httpPort": httpPort, "tlsPort": tlsPort, "keyAlgorithm": "ecdsa",
			"retryAfter": map[string]int{"authz": 1, "order": 1},
			"profiles":   map[string]any{"default": map[string]any{"description": "for tests", "validityPeriod": 7776000}},
		}})
		return program{
			Args:  []string{pebble, "-config", filepath.Join(own, "config"), "-dnsserver", names},
			Env:   bare("HOME="+own, "PEBBLE_VA_NOSLEEP=1"),
			Files: map[string]string{"config": string(config), "cert": string(cert), "key": string(key)},
		}
	})
	if err != nil {
		return nil, errors.Join(err, a.dns.Stop())
	}
	if a.Root, err = a.root(ctx, cert); err != nil {
		return nil, errors.Join(err, a.Stop())
	}
	return a, nil
}

// Stop ends the authority and its DNS. It may be called again.
func (a *Authority) Stop() error { return errors.Join(a.Server.Stop(), a.dns.Stop()) }

// root asks for the authority's root, which is another one after each start.
func (a *Authority) root(ctx context.Context, cert []byte) ([]byte, error) {
	client, err := Trusting(cert)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+a.Addr()+"/roots/0", nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask for the root: %s", answer.Status)
	}
	return io.ReadAll(answer.Body)
}
