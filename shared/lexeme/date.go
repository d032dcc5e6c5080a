package lexeme

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Dates are one token whatever their form: "@2024-03-03" for a day, and
// "@2024-03" for its month.

// months are the names by which people call them, folded, in every language
// that has rules.
var months = map[string]time.Month{}

func init() {
	for i, names := range []string{
		"january januar janner janvier enero gennaio januari jan",
		"february februar fevrier febrero febbraio februari feb fevr",
		"march marz maerz mars marzo maart mar mrz",
		"april avril abril aprile apr avr",
		"may mai mayo maggio mei",
		"june juni juin junio giugno jun",
		"july juli juillet julio luglio jul juil",
		"august aout agosto augustus aug",
		"september septembre septiembre settembre sep sept",
		"october oktober octobre octubre ottobre oct okt",
		"november novembre noviembre nov",
		"december dezember decembre diciembre dicembre dec dez",
	} {
		for _, name := range strings.Fields(names) {
			months[name] = time.Month(i + 1)
		}
	}
}

func monthToken(year int, month time.Month) string { return fmt.Sprintf("@%04d-%02d", year, month) }

// dayToken returns "" for a day that no calendar has.
func dayToken(year int, month time.Month, day int) string {
	if year < 1900 || year > 2100 || month < 1 || month > 12 || day < 1 {
		return ""
	}
	d := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if d.Day() != day {
		return ""
	}
	return d.Format("@2006-01-02")
}

var (
	yearFirst  = regexp.MustCompile(`(?:^|\D)(\d{4})([-/.])(\d{1,2})([-/.])(\d{1,2})(?:\D|$)`)
	yearLast   = regexp.MustCompile(`(?:^|\D)(\d{1,2})([-/.])(\d{1,2})([-/.])(\d{4}|\d{2})(?:\D|$)`)
	monthFirst = regexp.MustCompile(`^(\d{1,2})[-/.](\d{4})$`)
	monthLast  = regexp.MustCompile(`^(\d{4})[-/.](\d{1,2})$`)
)

// maxDateText is how many bytes of a number are searched for a date.
const maxDateText = 120

// dateTokens returns the tokens of dates in one number with separators, or in
// one of eight digits. A date that may be read in two ways is both. whole says
// that the number is nothing but that one date.
func dateTokens(number string) (days, inMonths []string, whole bool) {
	if len(number) > maxDateText {
		return nil, nil, false
	}
	add := func(year, month, day string) {
		y, _ := strconv.Atoi(year)
		m, _ := strconv.Atoi(month)
		d, _ := strconv.Atoi(day)
		if len(year) == 2 {
			if y += 2000; y > 2068 {
				y -= 100
			}
		}
		if token := dayToken(y, time.Month(m), d); token != "" {
			days = append(days, token)
			inMonths = append(inMonths, token[:len("@2006-01")])
		}
	}
	if len(number) == 8 && digitsOnly(number) {
		add(number[:4], number[4:6], number[6:])
		return days, inMonths, len(days) > 0
	}
	if m := yearFirst.FindStringSubmatch(number); m != nil && m[2] == m[4] {
		add(m[1], m[3], m[5])
		whole = len(days) > 0 && len(m[0]) == len(number) && isDigit(number[0]) && isDigit(number[len(number)-1])
	} else if m := yearLast.FindStringSubmatch(number); m != nil && m[2] == m[4] && (len(m[5]) == 4 || m[2] == ".") {
		add(m[5], m[3], m[1])
		if m[2] == "/" {
			add(m[5], m[1], m[3])
		}
		whole = len(days) > 0 && len(m[0]) == len(number) && isDigit(number[0]) && isDigit(number[len(number)-1])
	} else if m := monthFirst.FindStringSubmatch(number); m != nil {
		inMonths = monthOf(m[2], m[1])
	} else if m := monthLast.FindStringSubmatch(number); m != nil {
		inMonths = monthOf(m[1], m[2])
	}
	return days, inMonths, whole
}

func monthOf(year, month string) []string {
	y, _ := strconv.Atoi(year)
	m, _ := strconv.Atoi(month)
	if y < 1900 || y > 2100 || m < 1 || m > 12 {
		return nil
	}
	return []string{monthToken(y, time.Month(m))}
}

// span is a stretch of words of a text that means one thing.
type span struct {
	end           int // bytes
	words         int // positions
	days, inMonth []string
	number        string // an IBAN
}

// spelledDate returns the date that begins with the word at [start, end):
// "3 March 2024", "3. März 2024", "3. 3. 2024", "March 3, 2024", "March 2024".
func spelledDate(text string, start, end int) (s span, ok bool) {
	first := fold(text[start:end])
	firstDay, isDay := dayNumber(first)
	firstMonth, isMonth := months[first]
	if !isDay && !isMonth {
		return s, false
	}
	second, secondEnd := following(text, end)
	words := 2
	if second == "de" || second == "of" {
		second, secondEnd = following(text, secondEnd)
		words++
	}
	if second == "" {
		return s, false
	}
	if year, isYear := yearNumber(second); isYear && isMonth {
		return span{end: secondEnd, words: words, inMonth: []string{monthToken(year, firstMonth)}}, true
	}
	day, month := firstDay, time.Month(0)
	switch {
	case isDay:
		var named bool
		if month, named = months[second]; !named {
			n, err := strconv.Atoi(second)
			if err != nil || len(second) > 2 || text[end] != '.' || secondEnd >= len(text) || text[secondEnd] != '.' {
				return s, false
			}
			month = time.Month(n)
		}
	case isMonth:
		n, isDay := dayNumber(second)
		if !isDay {
			return s, false
		}
		day, month = n, firstMonth
	}
	third, thirdEnd := following(text, secondEnd)
	words++
	if third == "de" || third == "of" {
		third, thirdEnd = following(text, thirdEnd)
		words++
	}
	year, isYear := yearNumber(third)
	if !isYear {
		return s, false
	}
	token := dayToken(year, month, day)
	if token == "" {
		return s, false
	}
	return span{end: thirdEnd, words: words, days: []string{token}, inMonth: []string{token[:len("@2006-01")]}}, true
}

// following returns the folded word after at, if nothing but a point or comma
// and a little white space is in between, and it has no separators.
func following(text string, at int) (word string, end int) {
	from := at
	if from < len(text) && (text[from] == '.' || text[from] == ',') {
		from++
	}
	for n := 0; from < len(text) && n < 4; n++ {
		switch text[from] {
		case ' ', '\t', '\n', '\r':
			from++
			continue
		case 0xC2:
			if strings.HasPrefix(text[from:], "\u00A0") {
				from += 2
				continue
			}
		}
		break
	}
	if from == at || from >= len(text) {
		return "", 0
	}
	end = scan(text, from)
	if end == from || end-from > 4*maxToken || !plain(text[from:end]) {
		return "", 0
	}
	return fold(text[from:end]), end
}

func dayNumber(word string) (int, bool) {
	for _, ending := range []string{"st", "nd", "rd", "th", "er"} {
		if short, ok := strings.CutSuffix(word, ending); ok && short != "" && digitsOnly(short) {
			word = short
			break
		}
	}
	if len(word) > 2 || !digitsOnly(word) {
		return 0, false
	}
	n, err := strconv.Atoi(word)
	return n, err == nil && n >= 1 && n <= 31
}

func yearNumber(word string) (int, bool) {
	if len(word) != 4 || !digitsOnly(word) {
		return 0, false
	}
	n, err := strconv.Atoi(word)
	return n, err == nil && n >= 1900 && n <= 2100
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func digitsOnly(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// iban returns the account number that begins with the word at [start, end),
// in one piece or in groups, in its one form: small letters, no spaces. Its
// check digits are right (ISO 13616).
func iban(text string, start, end int) (s span, ok bool) {
	if end-start < 4 || end-start > 34 || !ibanHead(text[start:end]) {
		return s, false
	}
	length := ibanLengths[strings.ToUpper(text[start:start+2])]
	number, words := text[start:end], 1
	for {
		if len(number) >= 15 && (length == 0 || len(number) == length) && ibanValid(number) {
			s, ok = span{end: end, words: words, number: strings.ToLower(number)}, true
		}
		if len(number) >= 34 || length > 0 && len(number) >= length || end+1 >= len(text) || text[end] != ' ' {
			return s, ok
		}
		next := end + 1
		for next < len(text) && next-end < 6 && isAlphanumeric(text[next]) {
			next++
		}
		if n := next - end - 1; n == 0 || n > 4 || scan(text, end+1) != next {
			return s, ok
		}
		number += text[end+1 : next]
		end, words = next, words+1
	}
}

// ibanLengths are those of countries whose papers are common here; of another
// country the longest number with right check digits counts.
var ibanLengths = map[string]int{
	"AT": 20, "BE": 16, "CH": 21, "CZ": 24, "DE": 22, "DK": 18, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28,
	"IE": 22, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SE": 24, "SI": 19, "SK": 24, "TR": 26,
}

func ibanHead(s string) bool {
	return isAlphanumeric(s[0]) && !isDigit(s[0]) && isAlphanumeric(s[1]) && !isDigit(s[1]) && isDigit(s[2]) && isDigit(s[3])
}

func isAlphanumeric(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func ibanValid(number string) bool {
	rest := 0
	for _, c := range []byte(strings.ToUpper(number[4:] + number[:4])) {
		switch {
		case isDigit(c):
			rest = (rest*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			rest = (rest*100 + int(c-'A') + 10) % 97
		default:
			return false
		}
	}
	return rest == 1
}
