package search

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"docuvault/shared/vault"
)

// fileTypes are the kinds of files that have a name of their own, as patterns
// of LIKE over media types.
var fileTypes = map[string][]string{
	"pdf":   {"application/pdf"},
	"image": {"image/%"},
	"text":  {"text/plain", "text/markdown"},
	"html":  {"text/html", "application/xhtml+xml"},
	"mail":  {"message/rfc822", "application/vnd.ms-outlook"},
	"csv":   {"text/csv", "text/tab-separated-values"},
	"word": {"application/msword", "application/rtf", "text/rtf", "application/vnd.oasis.opendocument.text",
		"application/vnd.openxmlformats-officedocument.wordprocessingml.%"},
	"sheet": {"application/vnd.ms-excel", "application/vnd.oasis.opendocument.spreadsheet",
		"application/vnd.openxmlformats-officedocument.spreadsheetml.%"},
	"slides": {"application/vnd.ms-powerpoint", "application/vnd.oasis.opendocument.presentation",
		"application/vnd.openxmlformats-officedocument.presentationml.%"},
	"audio":   {"audio/%"},
	"video":   {"video/%"},
	"archive": {"application/zip", "application/gzip", "application/x-tar", "application/x-7z-compressed", "application/x-rar-compressed", "application/vnd.rar"},
}

var fileTypeNames = slices.Sorted(maps.Keys(fileTypes))

func readType(v string, f *filter) *mistake {
	patterns, ok := fileTypes[v]
	if !ok && strings.Count(v, "/") == 1 && isPlain(v, "/.+-") && !strings.HasPrefix(v, "/") && !strings.HasSuffix(v, "/") {
		patterns, ok = []string{v}, true
	}
	if !ok {
		return &mistake{"type", "A type is one of " + strings.Join(fileTypeNames, ", ") + ", or a media type such as image/png."}
	}
	f.members = append(f.members, patterns...)
	return nil
}

func readLanguage(v string, f *filter) *mistake {
	if len(v) != 2 || v[0] < 'a' || v[0] > 'z' || v[1] < 'a' || v[1] > 'z' {
		return &mistake{"language", "A language has two letters, as en or de."}
	}
	f.members = append(f.members, v)
	return nil
}

// The statuses of is: and in:.
var (
	isStatuses = map[string][]vault.Status{
		"ready": {vault.Ready}, "processing": {vault.Stored, vault.Processing}, "failed": {vault.Failed}, "trashed": {vault.Trashed},
	}
	inStatuses = map[string][]vault.Status{
		"trash": {vault.Trashed}, "all": {vault.Stored, vault.Processing, vault.Ready, vault.Failed, vault.Trashed},
	}
)

func readStatus(v string, f *filter) *mistake {
	return f.statuses(isStatuses[v], "is", "It is one of failed, processing, ready, trashed.")
}

func readPlace(v string, f *filter) *mistake {
	return f.statuses(inStatuses[v], "in", "It is one of trash, and all for everything with the trash. For a folder there is folder:.")
}

func (f *filter) statuses(all []vault.Status, reason, detail string) *mistake {
	if all == nil {
		return &mistake{reason, detail}
	}
	for _, s := range all {
		f.members = append(f.members, string(s))
	}
	return nil
}

// period is a year, a month or a day, as its first day and the one after it, in
// days since 1970.
type period struct{ from, to int64 }

var dateForm = regexp.MustCompile(`^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$`)

func readPeriod(v string) (period, bool) {
	m := dateForm.FindStringSubmatch(v)
	if m == nil || m[1] == "0000" {
		return period{}, false
	}
	part := func(s string) int { n, _ := strconv.Atoi(s); return n }
	year, month, day := part(m[1]), part(m[2]), part(m[3])
	first := time.Date(year, time.Month(max(month, 1)), max(day, 1), 0, 0, 0, 0, time.UTC)
	after := first.AddDate(1, 0, 0)
	switch {
	case m[3] != "":
		after = first.AddDate(0, 0, 1)
	case m[2] != "":
		after = first.AddDate(0, 1, 0)
	}
	if m[2] != "" && int(first.Month()) != month || m[3] != "" && first.Day() != day {
		return period{}, false // 2025-13, 2025-02-30
	}
	return period{first.Unix() / 86400, after.Unix() / 86400}, true
}

const dateDetail = "A date is written 2025, 2025-01 or 2025-01-31"

func readBefore(v string, f *filter) *mistake {
	when, ok := readPeriod(v)
	if !ok {
		return &mistake{"date", dateDetail + "."}
	}
	f.high = &when.from
	return nil
}

func readAfter(v string, f *filter) *mistake {
	when, ok := readPeriod(v)
	if !ok {
		return &mistake{"date", dateDetail + "."}
	}
	f.low = &when.to
	return nil
}

func readYear(v string, f *filter) *mistake {
	if strings.Contains(v, "-") || readRange(v, f, yearBound) != nil {
		return &mistake{"year", "A year is written 2024, several 2021..2024."}
	}
	return nil
}

func readDate(v string, f *filter) *mistake { return readRange(v, f, dateBound) }

// readAdded is readDate in seconds.
func readAdded(v string, f *filter) *mistake {
	m := readRange(v, f, dateBound)
	for _, bound := range []**int64{&f.low, &f.high} {
		if *bound != nil {
			*bound = new(**bound * 86400)
		}
	}
	return m
}

func readSize(v string, f *filter) *mistake { return readRange(v, f, sizeBound) }

// bound reads a value into where it begins and what comes right after it.
type bound struct {
	read  func(string) (period, bool)
	alone bool // may stand without a sign in front
	wrong mistake
}

var (
	dateBound = bound{readPeriod, true, mistake{"date", dateDetail + ", with > or < in front of it, or as 2024..2025."}}
	yearBound = bound{func(v string) (period, bool) {
		if len(v) != 4 {
			return period{}, false
		}
		return readPeriod(v)
	}, true, mistake{}}
	sizeBound = bound{readBytes, false, mistake{"size", "A size is written >1mb, <=500kb or 1mb..5mb."}}
)

// readRange reads a value alone, with a sign in front, or two with .. between
// them, of which one may be left out.
func readRange(v string, f *filter, b bound) *mistake {
	if from, to, ok := strings.Cut(v, ".."); ok {
		low, lowOK := b.read(from)
		high, highOK := b.read(to)
		if from == "" && to == "" || from != "" && !lowOK || to != "" && !highOK {
			return &b.wrong
		}
		if from != "" {
			f.low = &low.from
		}
		if to != "" {
			f.high = &high.to
		}
		if f.low != nil && f.high != nil && *f.high <= *f.low {
			return &mistake{"range", "The second value of this range is below the first."}
		}
		return nil
	}
	sign := v[:len(v)-len(strings.TrimLeft(v, "<>="))]
	when, ok := b.read(v[len(sign):])
	if !ok {
		return &b.wrong
	}
	switch sign {
	case ">":
		f.low = &when.to
	case ">=":
		f.low = &when.from
	case "<":
		f.high = &when.from
	case "<=":
		f.high = &when.to
	case "", "=":
		if !b.alone {
			return &b.wrong
		}
		f.low, f.high = &when.from, &when.to
	default:
		return &b.wrong
	}
	return nil
}

var sizeForm = regexp.MustCompile(`^(\d{1,15}(?:\.\d{1,6})?)([kmgt]?i?b?)$`)

// readBytes reads a size; as on the page, 1 kb are 1024 bytes.
func readBytes(v string) (period, bool) {
	m := sizeForm.FindStringSubmatch(v)
	if m == nil {
		return period{}, false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	unit := strings.IndexByte("bkmgt", (m[2] + "b")[0])
	n *= math.Pow(1024, float64(unit))
	if err != nil || n > 1<<60 || strings.HasPrefix(m[2], "i") {
		return period{}, false
	}
	size := int64(math.Ceil(n))
	return period{size, size + 1}, true
}
