package ai

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What a letterhead is: the part of a text where its date, its sender and its
// subject stand.
const (
	headBytes = 2500
	headLines = 12
	maxValue  = 120 // characters of a title or correspondent
)

// details suggests date, title and correspondent, each only where a simple
// rule is usually right.
func (p *local) details(text string) []Suggestion {
	top := text[:min(len(text), headBytes)]
	for !utf8.ValidString(top) && len(top) > 0 && len(text) > headBytes && len(top) > headBytes-utf8.UTFMax {
		top = top[:len(top)-1]
	}
	var all []Suggestion
	if title, word, ok := findTitle(top); ok {
		all = append(all, Suggestion{Kind: KindTitle, Value: title, Confidence: 0.8, Source: p.Name(), Evidence: []Evidence{{Word: word, Weight: 1}}})
	}
	if date, word, confidence, ok := findDate(top, p.now()); ok {
		all = append(all, Suggestion{Kind: KindDate, Value: date, Confidence: confidence, Source: p.Name(), Evidence: []Evidence{{Word: word, Weight: 1}}})
	}
	if name, word, confidence, ok := findCorrespondent(top); ok {
		all = append(all, Suggestion{Kind: KindCorrespondent, Value: name, Confidence: confidence, Source: p.Name(), Evidence: []Evidence{{Word: word, Weight: 1}}})
	}
	return all
}

var subjectLine = regexp.MustCompile(`(?mi)^[ \t]*((?:betreff|betr\.|subject|re|regarding)[ \t]*:)[ \t]*(\S[^\n\f]{2,200})$`)

// findTitle takes the subject line.
func findTitle(top string) (title, word string, ok bool) {
	m := subjectLine.FindStringSubmatch(top)
	if m == nil {
		return "", "", false
	}
	title = line(m[2])
	return title, m[1], title != ""
}

// line is a value in one line, bounded.
func line(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > maxValue {
		s = strings.TrimSpace(string([]rune(s)[:maxValue-1])) + "…"
	}
	return s
}

// monthWord is anything that may be a month; the table below decides. Written
// out as alternatives it would be too much for regexp's fast path.
const monthWord = `\p{L}{3,9}`

var months = map[string]time.Month{
	"jan": 1, "jän": 1, "feb": 2, "mär": 3, "mar": 3, "apr": 4, "mai": 5, "may": 5, "jun": 6, "jul": 7,
	"aug": 8, "sep": 9, "okt": 10, "oct": 10, "nov": 11, "dez": 12, "dec": 12,
}

var monthNames = strings.Fields("januar jänner februar feber märz april mai juni juli august september oktober november dezember " +
	"january february march may june july sept october december mar okt oct dez dec")

// dateForms is tried at each beginning of a number or word, in a short window:
// as a search over the whole text it costs more than all the rest.
var dateForms = regexp.MustCompile(`(?i)^(?:` +
	`(\d{4})-(\d{2})-(\d{2})\b` + // 1-3: ISO 8601
	`|(\d{1,2})\.[ ]?(\d{1,2})\.[ ]?(\d{4}|\d{2})\b` + // 4-6: 12.03.2024
	`|(\d{1,2})(?:\.|st|nd|rd|th)?[ ](?:of )?(` + monthWord + `)\.?,?[ ](\d{4})\b` + // 7-9: 12. März 2024, 12 March 2024
	`|(` + monthWord + `)\.?[ ](\d{1,2})(?:st|nd|rd|th)?,?[ ](\d{4})\b` + // 10-12: March 12, 2024
	`|(\d{1,2})/(\d{1,2})/(\d{4})\b)`) // 13-15: only where it is clear which is the month

var (
	dateLabel  = regexp.MustCompile(`(?i)(datum|\bdate|\bdated|\bden|,)[ \t]*:?[ \t]*$`)
	otherLabel = regexp.MustCompile(`(?i)(geb\w*|born|birth|fällig\w*|due|gültig\w*|expir\w*|bis|until|frist|from|von|zahlbar|period|zeitraum|departure|arrival|anreise|abreise|eintritt\w*|liefer\w*|delivery)[^\n]{0,25}$`)
)

// findDate prefers a date that is called one, then the only one, then the first
// that is no birthday, due date or period.
func findDate(top string, now time.Time) (iso, word string, confidence float64, ok bool) {
	first, count := "", 0
	for _, m := range findDates(top) {
		date, good := parseDate(top, m)
		if !good || date.Year() < 1970 || date.After(now.AddDate(0, 1, 0)) {
			continue
		}
		before := top[max(0, m[0]-40):m[0]]
		if i := strings.LastIndexByte(before, '\n'); i >= 0 {
			before = before[i+1:]
		}
		if otherLabel.MatchString(before) {
			continue
		}
		value := date.Format(time.DateOnly)
		if dateLabel.MatchString(before) {
			return value, top[m[0]:m[1]], 0.85, true
		}
		if count++; first == "" {
			first, word = value, top[m[0]:m[1]]
		}
	}
	switch {
	case count == 0:
		return "", "", 0, false
	case count == 1:
		return first, word, 0.7, true
	}
	return first, word, 0.5, true
}

// monthOf goes by the first three letters, and by the length: "mais" is none.
func monthOf(word string) time.Month {
	name := []rune(strings.ToLower(word))
	if len(name) < 3 {
		return 0
	}
	month := months[string(name[:3])]
	for _, full := range monthNames {
		if strings.HasPrefix(full, string(name)) {
			return month
		}
	}
	return 0
}

// maxDates is how many dates of a text are looked at, dateWindow how long one
// may be.
const (
	maxDates   = 20
	dateWindow = 40
)

// findDates returns the places of dates, as regexp's submatches.
func findDates(text string) (all [][]int) {
	previous := ' '
	for i, r := range text {
		begins := !wordRune(previous) && wordRune(r)
		previous = r
		if !begins || len(all) == maxDates || len(all) > 0 && i < all[len(all)-1][1] {
			continue
		}
		if unicode.IsLetter(r) && !couldBeMonth(text[i:]) {
			continue
		}
		m := dateForms.FindStringSubmatchIndex(text[i:min(len(text), i+dateWindow)])
		for n := range m {
			if m[n] >= 0 {
				m[n] += i
			}
		}
		if m != nil {
			all = append(all, m)
		}
	}
	return all
}

// couldBeMonth is a cheap look at the first three letters.
func couldBeMonth(text string) bool {
	var start [3]rune
	n := 0
	for _, r := range text[:min(len(text), 12)] {
		start[n] = unicode.ToLower(r)
		if n++; n == 3 {
			return months[string(start[:])] != 0
		}
	}
	return false
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func parseDate(text string, m []int) (time.Time, bool) {
	group := func(n int) string {
		if m[2*n] < 0 {
			return ""
		}
		return text[m[2*n]:m[2*n+1]]
	}
	number := func(n int) int {
		value, err := strconv.Atoi(group(n))
		if err != nil {
			return -1
		}
		return value
	}
	month := func(n int) int {
		return int(monthOf(group(n)))
	}
	var year, mon, day int
	switch {
	case group(1) != "":
		year, mon, day = number(1), number(2), number(3)
	case group(4) != "":
		year, mon, day = number(6), number(5), number(4)
		if year < 100 {
			year += 2000
		}
	case group(7) != "":
		year, mon, day = number(9), month(8), number(7)
	case group(10) != "":
		year, mon, day = number(12), month(10), number(11)
	default:
		year, mon, day = number(15), number(13), number(14)
		if mon > 12 {
			mon, day = day, mon
		} else if day <= 12 && mon != day {
			return time.Time{}, false // 03/04/2024 is two dates
		}
	}
	date := time.Date(year, time.Month(mon), day, 0, 0, 0, 0, time.UTC)
	// The calendar has no 31 February.
	return date, mon >= 1 && mon <= 12 && day >= 1 && date.Day() == day
}

var (
	fromLine = regexp.MustCompile(`(?m)^From: "?([^"<\n]{2,80}?)"?[ \t]*(?:<[^>\n]*>)?[ \t]*$`)
	company  = regexp.MustCompile(`(?:^|[ \t])(GmbH(?: & Co\. KG)?|AG|SE|KG|OHG|UG|e\. ?V\.|mbH|Ltd\.?|Limited|Inc\.?|LLC|PLC|plc|LLP|Corp\.?|N\.V\.|B\.V\.|S\.A\.|eG)(?:[ \t,.|·•]|$)`)
	office   = regexp.MustCompile(`(?i)(stadtwerke|finanzamt|sparkasse|volksbank|stadt |gemeinde |landratsamt|amtsgericht|universität|university|council|bürgeramt|standesamt|krankenkasse|versicherung|insurance|klinikum|hospital|\bbank\b|hm revenue)`)
)

// findCorrespondent takes the sender of an e-mail, else the line of the
// letterhead that has a company's form, or names an office.
func findCorrespondent(top string) (name, word string, confidence float64, ok bool) {
	if m := fromLine.FindStringSubmatch(top); m != nil {
		if name = line(m[1]); name != "" && !strings.Contains(name, "@") {
			return name, m[1], 0.9, true
		}
	}
	n := 0
	for raw := range strings.SplitSeq(top, "\n") {
		text := strings.TrimSpace(raw)
		if text == "" {
			continue
		}
		if n++; n > headLines {
			break
		}
		if utf8.RuneCountInString(text) > 80 || !startsLikeAName(text) {
			continue
		}
		if m := company.FindStringSubmatchIndex(text); m != nil {
			// What follows the form is the address.
			return line(text[:m[3]]), text[:m[3]], 0.75, true
		}
		if n <= 4 && office.MatchString(text) && strings.Count(text, " ") <= 5 && !strings.ContainsAny(text, ":?!") {
			return line(text), text, 0.6, true
		}
	}
	return "", "", 0, false
}

func startsLikeAName(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return unicode.IsUpper(r) || unicode.IsDigit(r)
}
