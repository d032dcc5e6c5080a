package extract

import (
	"archive/zip"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// An office file is a zip of XML parts: Office Open XML (ECMA-376) or OpenDocument
// (ISO/IEC 26300). What lies in it unpacked may be a thousand times its size, so
// both the directory and all that is unpacked are bounded. The libraries for such
// files build all of it in memory.
const (
	// maxDirectory bounds the bytes that are read to find a zip's parts.
	maxDirectory = 4 << 20
	// maxUnpacked is how many bytes of XML are read for each byte of text kept.
	maxUnpacked = 16
)

// office collects the text of one office file.
type office struct {
	ctx    context.Context
	limits Limits
	parts  map[string]*zip.File
	left   int64 // bytes that may still be unpacked
	out    strings.Builder
	behind byte // what stands between the text so far and more of it; 0 for nothing
	cut    bool
}

// extractOffice reads letters, sheets and slides, each by its reader: what their
// pages show, with headers and footers, notes, and cells as they are written, a
// line a row. Formulas, comments and deleted text are left out.
func extractOffice(read func(*office) error) func(context.Context, *source, Limits) (Result, error) {
	return func(ctx context.Context, src *source, limits Limits) (Result, error) {
		o := &office{ctx: ctx, limits: limits, left: int64(maxUnpacked * limits.Text)}
		if err := o.open(src); err != nil {
			return Result{}, err
		}
		if err := read(o); err != nil {
			return Result{}, err
		}
		return Result{Text: clean(o.out.String()), Truncated: o.cut, Source: SourceOffice}, nil
	}
}

// open finds the parts.
func (o *office) open(src *source) error {
	directory := &allowance{r: src, left: maxDirectory}
	archive, err := zip.NewReader(directory, src.size)
	if err != nil {
		return broken(err)
	}
	directory.left = math.MaxInt64 // from here on what is unpacked is bounded
	o.parts = make(map[string]*zip.File, len(archive.File))
	for _, f := range archive.File {
		if f.Flags&1 != 0 {
			return fail(Encrypted, nil)
		}
		o.parts[f.Name] = f
	}
	return nil
}

// allowance is a reader that gives up after so many bytes.
type allowance struct {
	r    io.ReaderAt
	left int64
}

func (a *allowance) ReadAt(p []byte, offset int64) (int, error) {
	if a.left -= int64(len(p)); a.left < 0 {
		return 0, fail(TooComplex, errors.New("the directory has no end"))
	}
	return a.r.ReadAt(p, offset)
}

// write adds text behind what ended before it.
func (o *office) write(text string) {
	if text == "" {
		return
	}
	if o.behind != 0 && o.out.Len() > 0 {
		if o.behind == '\f' {
			o.out.WriteByte('\n') // as in a PDF: its last line ends, too
		}
		o.out.WriteByte(o.behind)
	}
	o.behind = 0
	o.out.WriteString(text)
}

// end ends a paragraph or a row by \n, a cell by \t, a page by \f. The last one
// counts: a cell's last paragraph ends with the cell. So empty ones leave nothing.
func (o *office) end(by byte) {
	if o.behind != '\f' {
		o.behind = by
	}
}

// named returns the parts of a folder whose names begin so and go on with a number
// or nothing, in that order.
func (o *office) named(folder, begin string) []string {
	var names []string
	for name := range o.parts {
		if number(name, folder, begin) >= 0 {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(number(a, folder, begin), number(b, folder, begin)), cmp.Compare(a, b))
	})
	return names
}

// number is the 12 of slide12.xml, 0 for slide.xml, and -1 for another part.
func number(name, folder, begin string) int {
	rest, ok := strings.CutPrefix(name, folder+"/"+begin)
	if !ok || path.Ext(rest) != ".xml" {
		return -1
	}
	if rest == ".xml" {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(rest, ".xml"), 10, 31)
	if err != nil {
		return -1
	}
	return int(n)
}

// element is a start or an end, by its local name: prefixes are a writer's choice.
type element struct {
	name string
	attr []xml.Attr
	end  bool
}

// get is the value of an attribute, by its local name.
func (e element) get(name string) string {
	for _, a := range e.attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// walk goes through a part, which may be missing. It builds no tree, so nesting
// costs nothing. What stands in an element named by skip is passed over; text is
// nil for a part of whose text nothing is wanted.
func (o *office) walk(name string, skip []string, tag func(element), text func(string)) error {
	part := o.parts[name]
	if part == nil || o.cut {
		return nil
	}
	if o.left <= 0 {
		o.cut = true
		return nil
	}
	unpacked, err := part.Open()
	if err != nil {
		return broken(err)
	}
	defer func() { _ = unpacked.Close() }() // nothing was written
	limited := &io.LimitedReader{R: unpacked, N: o.left}
	defer func() { o.left = limited.N }()
	d := xml.NewDecoder(limited)
	d.Strict = false
	d.CharsetReader = charsetReader
	within, depth := "", 0
	for n := 0; ; n++ {
		if n%1024 == 0 && o.ctx.Err() != nil {
			return o.ctx.Err()
		}
		if o.out.Len() > o.limits.Text {
			o.cut = true
			return nil
		}
		token, err := d.RawToken()
		switch {
		case err != nil && limited.N <= 0:
			o.cut = true
			return nil
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return broken(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			switch {
			case depth == 0 && slices.Contains(skip, token.Name.Local):
				within, depth = token.Name.Local, 1
			case depth > 0 && token.Name.Local == within:
				depth++
			case depth == 0:
				tag(element{name: token.Name.Local, attr: token.Attr})
			}
		case xml.EndElement:
			switch {
			case depth > 0 && token.Name.Local == within:
				depth--
			case depth == 0:
				tag(element{name: token.Name.Local, end: true})
			}
		case xml.CharData:
			if depth == 0 && text != nil {
				text(string(token))
			}
		}
	}
}

// word reads a letter: what stands at the top of its pages, its text, its notes,
// and what stands below (ECMA-376-1, 17).
func (o *office) word() error {
	if len(o.named("word", "document")) == 0 {
		return fail(Broken, errors.New("no document"))
	}
	for _, begin := range []string{"header", "document", "footnotes", "endnotes", "footer"} {
		for _, name := range o.named("word", begin) {
			if err := o.paragraphs(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// slides reads a presentation, each slide as a page, and what its speaker noted
// (ECMA-376-1, 19).
func (o *office) slides() error {
	for _, kind := range []string{"slide", "notesSlide"} {
		for _, name := range o.named("ppt/"+kind+"s", kind) {
			if err := o.paragraphs(name); err != nil {
				return err
			}
			o.end('\f')
		}
	}
	return nil
}

// notSeen are elements whose text is not what the page says: a drawing's Fallback
// repeats it, moved text stands where it went, and fld is a slide's number.
var notSeen = []string{"Fallback", "moveFrom", "fld"}

// paragraphs reads runs of text and tables, whose elements have the same names in
// letters and in slides.
func (o *office) paragraphs(name string) error {
	within := false
	return o.walk(name, notSeen, func(e element) {
		switch {
		case e.name == "t":
			within = !e.end
		case e.name == "p" && e.end, e.name == "tr" && e.end:
			o.end('\n')
		case e.name == "tc" && e.end:
			o.end('\t')
		case e.end:
		case e.name == "br" || e.name == "cr":
			o.write("\n")
		case e.name == "tab" && e.get("pos") == "": // with it, a place to stop at
			o.write("\t")
		case e.name == "noBreakHyphen":
			o.write("\u2011")
		}
	}, func(text string) {
		if within {
			o.write(text)
		}
	})
}

// openDocument reads a letter, a sheet or slides of ISO/IEC 26300: what stands at
// the top of pages and below, and the content.
func (o *office) openDocument() error {
	sealed := false
	err := o.walk("META-INF/manifest.xml", nil, func(e element) { sealed = sealed || e.name == "encryption-data" }, nil)
	switch {
	case err != nil:
		return err
	case sealed:
		return fail(Encrypted, nil)
	case o.parts["content.xml"] == nil:
		return fail(Broken, errors.New("no content"))
	}
	if err := o.odf("styles.xml", "header", "footer", "header-first", "footer-first", "header-left", "footer-left"); err != nil {
		return err
	}
	return o.odf("content.xml", "body")
}

// notSeenODF are elements whose text is not what the page says, or only numbers it.
var notSeenODF = []string{"tracked-changes", "annotation", "ruby-text", "note-citation", "page-number", "page-count"}

var oneLine = strings.NewReplacer("\n", " ", "\r", " ", "\t", " ")

// odf reads the paragraphs in elements of these names.
func (o *office) odf(name string, in ...string) error {
	inside, paragraphs := 0, 0
	return o.walk(name, notSeenODF, func(e element) {
		step := 1
		if e.end {
			step = -1
		}
		switch {
		case slices.Contains(in, e.name):
			inside += step
		case inside <= 0:
		case e.name == "p" || e.name == "h":
			if paragraphs += step; e.end {
				o.end('\n')
			}
		case e.name == "table-cell" && e.end:
			o.end('\t')
		case e.name == "table-row" && e.end:
			o.end('\n')
		case e.name == "page" && e.end:
			o.end('\f')
		case e.end:
		case e.name == "line-break":
			o.write("\n")
		case e.name == "tab":
			o.write("\t")
		case e.name == "s":
			o.write(" ")
		}
	}, func(text string) {
		if inside > 0 && paragraphs > 0 {
			o.write(oneLine.Replace(text))
		}
	})
}
