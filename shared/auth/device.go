package auth

import (
	"encoding/binary"
	"errors"
	"math"
	"net/http"
	"time"

	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
)

// DeviceTTL is how long a device stays known after the last login on it.
const DeviceTTL = 365 * 24 * time.Hour

const deviceBodySize = idSize + idSize + 8

// Device is one browser or program on which a user has signed in before. The
// limits on failed logins count it apart from strangers, so that nobody locks
// an owner out by guessing (OWASP: device cookies).
type Device struct {
	User id.ID
	// ID is the device's own, to count its failed logins by.
	ID id.ID
	// Since is when the cookie was made, to the second.
	Since time.Time
}

// MintDevice returns the value of the device cookie, made now. The body is user
// (16) | device (16) | seconds since 1970 (8, big endian).
func (c *Codec) MintDevice(user, device id.ID) (secret.Text, error) {
	if user.IsNil() || device.IsNil() {
		return secret.Text{}, errors.New("auth: a device cookie needs user and device")
	}
	body := make([]byte, 0, deviceBodySize)
	body = append(body, user[:]...)
	body = append(body, device[:]...)
	body = binary.BigEndian.AppendUint64(body, uint64(c.now().Unix()))
	return c.sign(body, func(key keys.Key, message []byte) []byte { return key.DeviceMAC(user, message) }), nil
}

// ParseDevice returns the device of a cookie, and false for one that is not
// ours, was changed, or is older than [DeviceTTL]: then it is a stranger.
func (c *Codec) ParseDevice(token secret.Text) (Device, bool) {
	var d Device
	_, err := c.verify(token.Reveal(), deviceBodySize, func(key keys.Key, body, message []byte) []byte {
		d.User, d.ID = id.ID(body[:idSize]), id.ID(body[idSize:2*idSize])
		return key.DeviceMAC(d.User, message)
	}, func(body []byte) bool {
		seconds := binary.BigEndian.Uint64(body[2*idSize:])
		d.Since = time.Unix(int64(seconds&math.MaxInt64), 0).UTC()
		now := c.now()
		return seconds <= math.MaxInt64 && !d.Since.After(now.Add(leeway)) && now.Before(d.Since.Add(DeviceTTL))
	})
	if err != nil {
		return Device{}, false
	}
	return d, true
}

// DeviceCookieName returns the name of the device cookie.
func DeviceCookieName(https bool) string {
	if https {
		return "__Host-docuvault_device"
	}
	return "docuvault_device"
}

// DeviceCookie carries a device for [DeviceTTL], with the attributes of the
// refresh cookie.
func DeviceCookie(token secret.Text, https bool) *http.Cookie {
	return cookie(DeviceCookieName(https), token.Reveal(), https, int(DeviceTTL/time.Second))
}
