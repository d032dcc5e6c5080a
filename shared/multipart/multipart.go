// Package multipart says how a large upload is cut into parts.
//
// It promises that every part has exactly one right size, that there are no
// more parts than S3 takes, and that all but the last are as large as S3
// demands. It is arithmetic: package upload signs parts, package settle puts
// them together.
package multipart

import "time"

// Limits of the S3 API (Amazon S3 User Guide, "Multipart upload limits"), and
// of ours.
const (
	MaxParts    = 10_000
	MinPartSize = 5 << 20 // bytes; the last part may be smaller
	MaxPartSize = 5 << 30 // bytes
	// MaxMissing is how many missing parts an answer names.
	MaxMissing = 100
)

// TTL is how long an upload in parts may be resumed after its last begin or
// request for parts.
const TTL = 7 * 24 * time.Hour

// PartSize is the size in bytes of the parts of an object of size bytes: base,
// doubled until no more than [MaxParts] are needed.
func PartSize(size, base int64) int64 {
	part := base
	for (size+part-1)/part > MaxParts {
		part *= 2
	}
	return part
}

// Plan is one object cut into parts; both sizes are in bytes and above 0.
type Plan struct{ Size, PartSize int64 }

// Count is the number of parts.
func (p Plan) Count() int { return int((p.Size + p.PartSize - 1) / p.PartSize) }

// Part is the exact size in bytes of a part, from 1; 0 for a number that the
// plan does not have.
func (p Plan) Part(number int) int64 {
	switch count := p.Count(); {
	case number < 1 || number > count:
		return 0
	case number < count:
		return p.PartSize
	default:
		return p.Size - int64(count-1)*p.PartSize
	}
}

// Missing returns the first [MaxMissing] parts that are not there in their
// right size, and how many there are of them. have holds sizes by number.
func (p Plan) Missing(have map[int]int64) (numbers []int, total int) {
	for n := 1; n <= p.Count(); n++ {
		if size, ok := have[n]; ok && size == p.Part(n) {
			continue
		}
		if total++; total <= MaxMissing {
			numbers = append(numbers, n)
		}
	}
	return numbers, total
}
