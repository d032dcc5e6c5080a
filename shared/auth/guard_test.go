package auth

import (
	"net/netip"
	"testing"
)

func TestDeviceName(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0":           "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15":                   "Safari on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36":                   "Chrome on Android",
		"curl/8.5.0":                "curl",
		"docuvault/1.0 (Linux)":     "docuvault push on Linux",
		"":                          "unknown device",
		"<script>alert(1)</script>": "unknown device", // nothing of the header itself is kept
	} {
		if got := DeviceName(agent); got != want {
			t.Errorf("DeviceName(%q) = %q, want %q", agent, got, want)
		}
	}
}

func TestNetworkOf(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"198.51.100.77": "198.51.100.0/24", "2001:db8:1:2:3:4:5:6": "2001:db8:1::/48", "::1": "::/48",
	} {
		if got := NetworkOf(netip.MustParseAddr(addr)); got != want {
			t.Errorf("NetworkOf(%s) = %q, want %q", addr, got, want)
		}
	}
	if got := NetworkOf(netip.Addr{}); got != "" {
		t.Errorf("of an unknown address: %q", got)
	}
}
