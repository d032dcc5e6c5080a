package hosthttp

import (
	"strconv"
	"strings"

	"docuvault/shared/fault"
)

// ETag is the strong entity tag of a version (RFC 9110 section 8.8.3).
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// IfMatch reads an If-Match header (RFC 9110 section 13.1.1): nil when it is
// absent or "*", else the version. A tag that we did not make cannot match, so
// it is fault.PreconditionFailed; several tags are fault.ValidationFailed.
func IfMatch(header string) (*int64, error) {
	header = strings.TrimSpace(header)
	if header == "" || header == "*" {
		return nil, nil
	}
	if strings.Contains(header, ",") {
		return nil, fault.New(fault.ValidationFailed, "If-Match takes one entity tag here.")
	}
	tag, quoted := strings.CutPrefix(header, `"`)
	tag, closed := strings.CutSuffix(tag, `"`)
	version, err := strconv.ParseInt(tag, 10, 64)
	if err != nil || !quoted || !closed {
		return nil, fault.New(fault.PreconditionFailed, "This has another version. Read it again, then repeat your change.")
	}
	return &version, nil
}
