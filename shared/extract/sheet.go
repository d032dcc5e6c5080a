package extract

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxShared bounds the texts that a workbook's cells share.
const maxShared = 1 << 20

// book is what the cells of a workbook are read with.
type book struct {
	shared []string
	dates  []bool // by a cell's style: whether its number is a date
	epoch  time.Time
}

// sheets reads a workbook, each sheet as a page: its cells by rows, with dates as
// 2006-01-02 (ECMA-376-1, 18).
func (o *office) sheets() error {
	b, err := o.book()
	if err != nil {
		return err
	}
	for _, name := range o.named("xl/worksheets", "sheet") {
		if err := o.sheet(name, b); err != nil {
			return err
		}
		o.end('\f')
	}
	return nil
}

// book reads what the sheets share.
func (o *office) book() (*book, error) {
	b := &book{epoch: time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)}
	err := o.walk("xl/workbook.xml", nil, func(e element) {
		if v := e.get("date1904"); e.name == "workbookPr" && (v == "1" || v == "true") {
			b.epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
		}
	}, nil)
	if err != nil {
		return nil, err
	}
	// Formats of its own, then the cells' styles, which name a format.
	own := map[string]bool{}
	cells := false
	err = o.walk("xl/styles.xml", nil, func(e element) {
		switch {
		case e.name == "numFmt" && !e.end:
			own[e.get("numFmtId")] = isDate(e.get("formatCode"))
		case e.name == "cellXfs":
			cells = !e.end
		case e.name == "xf" && cells && !e.end:
			format := e.get("numFmtId")
			b.dates = append(b.dates, own[format] || slices.Contains(dateFormats, format))
		}
	}, nil)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	within := false
	err = o.walk("xl/sharedStrings.xml", []string{"rPh"}, func(e element) {
		switch {
		case e.name == "t":
			within = !e.end
		case e.name == "si" && e.end:
			if len(b.shared) < maxShared {
				b.shared = append(b.shared, text.String())
			}
			text.Reset()
		}
	}, func(piece string) {
		if within {
			text.WriteString(piece)
		}
	})
	return b, err
}

// dateFormats are those that every workbook has (ECMA-376-1, 18.8.30).
var dateFormats = []string{"14", "15", "16", "17", "22"}

// isDate reports whether a format writes a number as a date: it has a day or a
// year outside of what is quoted or in brackets.
func isDate(format string) bool {
	for i := 0; i < len(format); i++ {
		switch format[i] {
		case '"':
			i += max(0, strings.IndexByte(format[i+1:], '"')+1)
		case '[':
			i += max(0, strings.IndexByte(format[i+1:], ']')+1)
		case '\\', '_', '*':
			i++
		case 'd', 'D', 'y', 'Y':
			return true
		}
	}
	return false
}

// sheet reads the cells of one sheet.
func (o *office) sheet(name string, b *book) error {
	kind, style := "", ""
	var value strings.Builder
	within := false
	return o.walk(name, []string{"rPh", "oddHeader", "oddFooter"}, func(e element) {
		switch {
		case e.name == "c" && !e.end:
			kind, style = e.get("t"), e.get("s")
			value.Reset()
		case e.name == "c":
			o.write(oneLine.Replace(b.cell(kind, style, value.String())))
			o.end('\t')
		case e.name == "row" && e.end:
			o.end('\n')
		case e.name == "v" || e.name == "t":
			within = !e.end
		}
	}, func(text string) {
		if within {
			value.WriteString(text)
		}
	})
}

// cell is a cell's value as it is read (ECMA-376-1, 18.18.11).
func (b *book) cell(kind, style, value string) string {
	switch kind {
	case "s":
		if at, err := strconv.Atoi(value); err == nil && at >= 0 && at < len(b.shared) {
			return b.shared[at]
		}
		return ""
	case "", "n":
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || math.Abs(n) >= 1e15 {
			return value
		}
		if at, err := strconv.Atoi(style); err == nil && at >= 0 && at < len(b.dates) && b.dates[at] && n >= 0 && n < 3e6 {
			return b.epoch.AddDate(0, 0, int(n)).Format(time.DateOnly)
		}
		// 15 digits are shown; the file has all of a float's.
		rounded, err := strconv.ParseFloat(strconv.FormatFloat(n, 'g', 15, 64), 64)
		if err != nil {
			return value
		}
		return strconv.FormatFloat(rounded, 'f', -1, 64)
	case "b", "e":
		return ""
	}
	return value
}
