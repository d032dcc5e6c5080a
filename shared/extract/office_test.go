package extract

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"docuvault/shared/extract/mediatype"
)

// zipped is a zip of parts: a name, its content, and so on.
func zipped(t testing.TB, parts ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := 0; i < len(parts); i += 2 {
		method := zip.Deflate
		if parts[i+1] == "" {
			method = zip.Store // a compressor for each of many takes long
		}
		part, err := w.CreateHeader(&zip.FileHeader{Name: parts[i], Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, parts[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// officeFile is a small file of a kind that says text.
func officeFile(t testing.TB, kind, text string) []byte {
	t.Helper()
	switch kind {
	case mediatype.Word:
		return zipped(t, "[Content_Types].xml", "<Types/>", "word/document.xml", "<w:document><w:p><w:t>"+text+"</w:t></w:p></w:document>")
	case mediatype.Slides:
		return zipped(t, "[Content_Types].xml", "<Types/>", "ppt/slides/slide1.xml", "<p:sld><a:p><a:t>"+text+"</a:t></a:p></p:sld>")
	case mediatype.Sheet:
		return zipped(t, "[Content_Types].xml", "<Types/>", "xl/worksheets/sheet1.xml", `<worksheet><row><c t="inlineStr"><is><t>`+text+"</t></is></c></row></worksheet>")
	default:
		return zipped(t, "mimetype", kind, "content.xml", "<office:body><text:p>"+text+"</text:p></office:body>")
	}
}

var officeKinds = []string{mediatype.Word, mediatype.Sheet, mediatype.Slides, mediatype.ODText, mediatype.ODSheet, mediatype.ODSlides}

func TestOfficeKinds(t *testing.T) {
	t.Parallel()
	for _, kind := range officeKinds {
		file := officeFile(t, kind, "Größe &amp; Gewicht")
		if !strings.HasPrefix(kind, "application/vnd.oasis.") {
			// mimetype asks for a zip's first parts, and writers put these there.
			if got := mediatype.Sniff(file); got != kind {
				t.Errorf("%s: sniffed as %s", kind, got)
			}
		}
		r, err := extractBytes(t, open1(t), file, kind)
		if err != nil || r.Text != "Größe & Gewicht" || r.Source != SourceOffice || r.Truncated || r.Pages != 0 {
			t.Errorf("%s: %+v, %v", kind, r, err)
		}
	}
}

func TestOfficeText(t *testing.T) {
	t.Parallel()
	p := func(text string) string { return "<w:p><w:r><w:t>" + text + "</w:t></w:r></w:p>" }
	cell := func(text string) string { return "<w:tc>" + p(text) + "</w:tc>" }
	for name, c := range map[string]struct {
		kind, want string
		parts      []string
	}{
		"a letter with its head, notes and foot": {mediatype.Word, "Stadtwerke\nDear reader\nA note\nIBAN", []string{
			"word/footer1.xml", "<w:ftr>" + p("IBAN") + "</w:ftr>",
			"word/document.xml", "<w:document>" + p("Dear reader") + "</w:document>",
			"word/header2.xml", "<w:hdr>" + p("Stadtwerke") + "</w:hdr>",
			"word/footnotes.xml", p("A note"),
			"word/comments.xml", p("nobody sees this"),
			"word/settings.xml", p("nor this"),
		}},
		"runs, tabs, breaks and a hyphen": {mediatype.Word, "One word\tand a\nline\u2011break", []string{
			"word/document.xml", `<w:p><w:pPr><w:tabs><w:tab w:val="left" w:pos="720"/></w:tabs></w:pPr><w:r><w:t xml:space="preserve">One </w:t></w:r><w:r><w:t>word</w:t><w:tab/><w:t>and a</w:t><w:br/><w:t>line</w:t><w:noBreakHyphen/><w:t>break</w:t></w:r></w:p>`,
		}},
		"a table": {mediatype.Word, "before\na\tb\nc\td\nafter", []string{
			"word/document.xml", p("before") + "<w:tbl><w:tr>" + cell("a") + cell("b") + "</w:tr><w:tr>" + cell("c") + cell("") + cell("d") + "</w:tr></w:tbl>" + p("after"),
		}},
		"what was deleted, moved, or said twice": {mediatype.Word, "kept\nbox\nmoved", []string{
			"word/document.xml", p("kept") + "<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:instrText>PAGE</w:instrText></w:p>" +
				"<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom><mc:AlternateContent><mc:Choice>" + p("box") + "</mc:Choice><mc:Fallback><mc:AlternateContent><mc:Fallback>" + p("box") +
				"</mc:Fallback></mc:AlternateContent>" + p("box") + "</mc:Fallback></mc:AlternateContent><w:moveTo>" + p("moved") + "</w:moveTo>",
		}},
		"a document of another writer": {mediatype.Word, "text", []string{"word/document2.xml", "<ns0:document><ns0:p><ns0:t>text</ns0:t></ns0:p></ns0:document>"}},
		"windows-1252":                 {mediatype.Word, "Größe", []string{"word/document.xml", "<?xml version=\"1.0\" encoding=\"windows-1252\"?><p><t>Gr\xF6\xDFe</t></p>"}},
		"slides in their order, each a page, then notes": {mediatype.Slides, "first\nlast line\n\fsecond\n\ftenth\n\fspeak up", []string{
			"ppt/slides/slide10.xml", "<a:p><a:t>tenth</a:t></a:p>",
			"ppt/slides/slide2.xml", "<a:p><a:t>second</a:t></a:p><a:p><a:fld><a:t>2</a:t></a:fld></a:p>",
			"ppt/slides/slide1.xml", "<a:p><a:t>first</a:t></a:p><a:p/><a:p><a:r><a:t>last line</a:t></a:r></a:p>",
			"ppt/slideLayouts/slideLayout1.xml", "<a:p><a:t>Click to add a title</a:t></a:p>",
			"ppt/notesSlides/notesSlide1.xml", "<a:p><a:t>speak up</a:t></a:p>",
		}},
		"cells of each kind": {mediatype.Sheet, "Datum\tBetrag\n2024-03-01\t1234.5\t0.3\tinline\tresult\n1999-12-31\t7", []string{
			"xl/styles.xml", `<numFmts><numFmt numFmtId="164" formatCode="[$-407]dd/mm/yyyy"/><numFmt numFmtId="165" formatCode="#,##0 &quot;days&quot;;[Red]-0"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs>`,
			"xl/sharedStrings.xml", "<sst><si><t>Datum</t><rPh><t>ruby</t></rPh></si><si><r><t>Be</t></r><r><t>trag</t></r></si></sst>",
			"xl/worksheets/sheet1.xml", `<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c><c t="s"><v>99</v></c></row>` +
				`<row><c s="1"><v>45352</v></c><c s="0"><v>1234.5</v></c><c><v>0.30000000000000004</v></c><c t="inlineStr"><is><t>inline</t></is></c><c t="str"><f>A1&amp;B1</f><v>result</v></c><c t="b"><v>1</v></c><c t="e"><v>#REF!</v></c></row>` +
				`<row><c s="2"><v>36525.5</v></c><c s="3"><v>7</v></c></row><oddFooter>Page</oddFooter>`,
		}},
		"days since 1904, and a second sheet": {mediatype.Sheet, "2024-03-01\n\fsecond", []string{
			"xl/workbook.xml", `<workbookPr date1904="1"/>`,
			"xl/styles.xml", `<cellXfs><xf numFmtId="14"/></cellXfs>`,
			"xl/worksheets/sheet1.xml", `<row><c s="0"><v>43890</v></c></row>`,
			"xl/worksheets/sheet2.xml", `<row><c t="str"><v>second</v></c></row>`,
		}},
		"an open letter": {mediatype.ODText, "Letterhead\nTitle\nDear  reader,\nhow\tare you\na\tb\nc", []string{
			"styles.xml", "<style:style><text:p>no</text:p></style:style><style:header><text:p>Letterhead</text:p></style:header><style:header-style>no</style:header-style>",
			"content.xml", "<office:automatic-styles>no</office:automatic-styles><office:body><office:text><text:tracked-changes><text:p>gone</text:p></text:tracked-changes><text:h>Title</text:h>\n" +
				"<text:p>Dear<text:s/> <text:span>reader</text:span>,<text:line-break/>how<text:tab/>are\nyou<office:annotation><dc:creator>me</dc:creator><text:p>a comment</text:p></office:annotation></text:p>" +
				"<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell><text:p>b</text:p></table:table-cell></table:table-row><table:table-row><table:table-cell><text:p>c</text:p></table:table-cell></table:table-row></table:table></office:text></office:body>",
		}},
		"open slides": {mediatype.ODSlides, "one\n\ftwo", []string{"content.xml", "<office:body><draw:page><text:p>one</text:p></draw:page><draw:page><text:p>two</text:p></draw:page></office:body>"}},
	} {
		r, err := extractBytes(t, open1(t), zipped(t, c.parts...), c.kind)
		if err != nil || r.Text != c.want || r.Truncated {
			t.Errorf("%s: %q, %v; want %q", name, r.Text, err, c.want)
		}
	}
}

func TestOfficeHostile(t *testing.T) {
	t.Parallel()
	word := func(document string) []byte { return zipped(t, "word/document.xml", document) }
	locked := officeFile(t, mediatype.Word, "x")
	// The first bit of the flags, 8 bytes into the entry of the directory.
	locked[bytes.Index(locked, []byte("PK\x01\x02"))+8] |= 1
	crowd := func(n int) []byte {
		parts := make([]string, 0, 2*n)
		for i := range n {
			parts = append(parts, fmt.Sprintf("word/%040d.xml", i), "")
		}
		return zipped(t, parts...)
	}
	damaged := bytes.Replace(word("<p><t>some words that are long enough</t></p>"), []byte("PK\x01\x02"), []byte("PK\x01\x03"), 1)
	for name, c := range map[string]struct {
		kind string
		in   []byte
		want Code
	}{
		"empty":                     {mediatype.Word, nil, Broken},
		"no zip":                    {mediatype.ODText, []byte("PK\x03\x04 and no more"), Broken},
		"a damaged directory":       {mediatype.Word, damaged, Broken},
		"no document":               {mediatype.Word, zipped(t, "word/styles.xml", "<x/>"), Broken},
		"no content":                {mediatype.ODText, zipped(t, "styles.xml", "<x/>"), Broken},
		"no XML":                    {mediatype.Word, word("<p <p <p"), Broken},
		"an unknown entity":         {mediatype.Word, word("<p><t>&lol9;</t></p>"), ""},
		"more ends than beginnings": {mediatype.Word, word("</p></tc></tr></Fallback><p><t>x</t></p>"), ""},
		"a million levels":          {mediatype.Word, word(strings.Repeat("<p>", 1<<20) + "<t>x"), ""},
		"a locked zip":              {mediatype.Word, locked, Encrypted},
		"a locked open letter":      {mediatype.ODText, zipped(t, "META-INF/manifest.xml", "<manifest:encryption-data/>", "content.xml", "\x00\x01"), Encrypted},
		"100,000 parts":             {mediatype.Word, crowd(100_000), TooComplex},
	} {
		if _, err := extractBytes(t, open1(t), c.in, c.kind); FailureCode(err) != c.want || c.want == "" && err != nil {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// What is small and unpacks to much is read up to a limit, in one part or in many.
func TestOfficeThatUnpacksToTooMuch(t *testing.T) {
	t.Parallel()
	e := limited(t, func(l *Limits) { l.Text = 10_000 })
	const unpacked = maxUnpacked * 10_000
	markup := strings.Repeat("<x/>", unpacked)
	slides := []string{}
	for i := range 20 {
		slides = append(slides, fmt.Sprintf("ppt/slides/slide%d.xml", i), "<p><t>a</t></p>"+markup[:unpacked/10/4*4])
	}
	for name, c := range map[string]struct {
		kind string
		in   []byte
		text string
	}{
		"markup before the text": {mediatype.Word, zipped(t, "word/document.xml", markup+"<p><t>text</t></p>"), ""},
		"one long word":          {mediatype.Word, zipped(t, "word/document.xml", "<p><t>"+strings.Repeat("a", 2*unpacked)), strings.Repeat("a", 10_000)},
		"a long comment":         {mediatype.Word, zipped(t, "word/document.xml", "<p><t>a</t></p><!--"+strings.Repeat("<", 2*unpacked)), "a"},
		"many parts":             {mediatype.Slides, zipped(t, slides...), "a" + strings.Repeat("\n\fa", 9)},
		"one text in each cell": {mediatype.Sheet, zipped(t, "xl/sharedStrings.xml", "<si><t>"+strings.Repeat("a", 5000)+"</t></si>",
			"xl/worksheets/sheet1.xml", "<row>"+strings.Repeat(`<c t="s"><v>0</v></c>`, 5000)), strings.Repeat("a", 5000) + "\t" + strings.Repeat("a", 4999)},
	} {
		r, err := extractBytes(t, e, c.in, c.kind)
		if err != nil || !r.Truncated || r.Text != c.text {
			t.Errorf("%s: %d bytes, truncated %v, %v", name, len(r.Text), r.Truncated, err)
		}
	}
}

func FuzzOffice(f *testing.F) {
	for _, kind := range officeKinds {
		f.Add(officeFile(f, kind, "seed"))
	}
	e := &Extractor{limits: DefaultLimits}
	e.limits.Text = 10_000
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, kind := range officeKinds {
			mustRead(t, e, content, kind)
		}
	})
}

// FuzzOfficeParts has the same XML in each part, so that a fuzzer need not guess
// a checksum.
func FuzzOfficeParts(f *testing.F) {
	f.Add("<w:p><w:r><w:t>a</w:t><w:tab/></w:r></w:p><w:tbl><w:tr><w:tc/></w:tr></w:tbl>")
	f.Add(`<cellXfs><xf numFmtId="14"/></cellXfs><si><t>a</t></si><row><c t="s" s="0"><v>0</v></c><c s="0"><v>1e5</v></c></row>`)
	f.Add(`<numFmt numFmtId="164" formatCode="&quot;"/><office:body><text:p>a<text:s/></text:p></office:body>`)
	e := &Extractor{limits: DefaultLimits}
	e.limits.Text = 10_000
	f.Fuzz(func(t *testing.T, part string) {
		var parts []string
		for _, name := range []string{"word/document.xml", "ppt/slides/slide1.xml", "xl/workbook.xml", "xl/styles.xml", "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml", "content.xml", "styles.xml"} {
			parts = append(parts, name, part)
		}
		for _, kind := range officeKinds {
			mustRead(t, e, zipped(t, parts...), kind)
		}
	})
}

func TestOfficeStopsWhenItsTimeEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	o := &office{ctx: ctx, limits: DefaultLimits, left: 1 << 30}
	file := officeFile(t, mediatype.Word, "x")
	if err := o.open(newSource(ctx, bytes.NewReader(file), int64(len(file)))); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := o.word(); err == nil {
		t.Error("read on")
	}
}
