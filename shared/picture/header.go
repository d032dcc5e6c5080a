package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"

	"golang.org/x/image/tiff"
)

// maxChunks is how many parts of a file are walked through, and maxEXIF how much
// of the one with EXIF is read.
const (
	maxChunks = 2000
	maxEXIF   = 64 << 10
)

var errHeader = errors.New("no such header")

// read returns n bytes at a place.
func read(r io.ReaderAt, at int64, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := r.ReadAt(b, at); err != nil {
		return nil, errHeader
	}
	return b, nil
}

func configOf(c image.Config) header {
	h := header{width: c.Width, height: c.Height, bytes: 4}
	switch c.ColorModel {
	case color.GrayModel:
		h.bytes = 1
	case color.Gray16Model:
		h.bytes = 2
	case color.RGBA64Model, color.NRGBA64Model:
		h.bytes = 8
	default:
		if _, ok := c.ColorModel.(color.Palette); ok {
			h.bytes = 1
		}
	}
	return h
}

func gifHeader(r io.ReaderAt, size int64) (header, error) {
	c, err := gif.DecodeConfig(io.NewSectionReader(r, 0, size))
	if err != nil {
		return header{}, err
	}
	h := configOf(c)
	h.bytes = 1 // only the first picture is decoded, and each has a palette
	return h, nil
}

func pngHeader(r io.ReaderAt, size int64) (header, error) {
	c, err := png.DecodeConfig(io.NewSectionReader(r, 0, size))
	if err != nil {
		return header{}, err
	}
	h := configOf(c)
	// The first chunk is IHDR; its last byte says whether the pixels come in
	// seven passes, each of which is a picture of its own.
	if first, err := read(r, 28, 1); err == nil && first[0] != 0 {
		h.bytes *= 2
	}
	h.orientation = pngOrientation(r)
	return h, nil
}

// pngOrientation walks through the chunks to the one with EXIF.
func pngOrientation(r io.ReaderAt) int {
	for at, n := int64(8), 0; n < maxChunks; n++ {
		head, err := read(r, at, 8)
		if err != nil {
			return 0
		}
		length := int64(binary.BigEndian.Uint32(head))
		if string(head[4:]) == "eXIf" && length <= maxEXIF {
			tiff, err := read(r, at+8, int(length))
			if err != nil {
				return 0
			}
			return orientation(tiff)
		}
		at += 12 + length
	}
	return 0
}

// jpegHeader walks through the segments to the frame's (ITU-T T.81, B.2.2).
func jpegHeader(r io.ReaderAt, _ int64) (h header, err error) {
	at := int64(2)
	for range maxChunks {
		head, err := read(r, at, 4)
		if err != nil || head[0] != 0xff {
			return h, errHeader
		}
		marker, length := head[1], int64(binary.BigEndian.Uint16(head[2:]))
		switch {
		case marker == 0xff: // fill
			at++
			continue
		case marker == 0xd8, marker == 0x01, marker >= 0xd0 && marker <= 0xd7: // without a length
			at += 2
			continue
		case length < 2:
			return h, errHeader
		case marker == 0xe1 && h.orientation == 0 && length >= 8:
			if body, err := read(r, at+4, int(length-2)); err == nil {
				if tiff, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); ok {
					h.orientation = orientation(tiff)
				}
			}
		case marker == 0xda, marker == 0xd9:
			return h, errHeader
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc:
			body, err := read(r, at+4, int(length-2))
			if err != nil || len(body) < 6 || len(body) < 6+3*int(body[5]) {
				return h, errHeader
			}
			h.height, h.width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
			// Each component has as many samples a pixel as it shares of the
			// largest; rounded up, all of them. Of four, the colours are made anew.
			h.bytes = samples(body[6:], int(body[5]))
			if body[5] == 4 {
				h.bytes += 4
			}
			if marker == 0xc2 { // progressive: all coefficients are kept
				h.bytes += 4 * samples(body[6:], int(body[5]))
			}
			return h, nil
		}
		at += 2 + length
	}
	return h, errHeader
}

// samples is how many samples of all components there are for a pixel, rounded
// up.
func samples(components []byte, n int) int {
	sum, most := 0, 1
	for i := range n {
		factors := int(components[3*i+1]>>4) * int(components[3*i+1]&15)
		sum, most = sum+factors, max(most, factors)
	}
	return max(1, (sum+most-1)/most)
}

// webpHeader walks through the chunks: an extended file has a canvas, and its
// picture a size of its own, either of which is made room for.
func webpHeader(r io.ReaderAt, size int64) (h header, err error) {
	h.bytes = 4
	larger := func(w, height int) { h.width, h.height = max(h.width, w), max(h.height, height) }
	found := false
	for at, n := int64(12), 0; n < maxChunks && at+8 <= size; n++ {
		head, err := read(r, at, 8)
		if err != nil {
			return h, err
		}
		length := int64(binary.LittleEndian.Uint32(head[4:]))
		body, _ := read(r, at+8, int(min(length, 10)))
		switch kind := string(head[:4]); {
		case kind == "ANIM" || kind == "ANMF":
			return h, fail(Unsupported, errors.New("animated"))
		case kind == "VP8X" && len(body) == 10:
			larger(1+little24(body[4:]), 1+little24(body[7:]))
		case kind == "VP8 " && len(body) == 10 && !found:
			found = true
			larger(int(binary.LittleEndian.Uint16(body[6:]))&0x3fff, int(binary.LittleEndian.Uint16(body[8:]))&0x3fff)
		case kind == "VP8L" && len(body) >= 5 && !found:
			found = true
			bits := binary.LittleEndian.Uint32(body[1:])
			larger(1+int(bits&0x3fff), 1+int(bits>>14&0x3fff))
		case kind == "EXIF" && length <= maxEXIF:
			if tiff, err := read(r, at+8, int(length)); err == nil {
				h.orientation = orientation(bytes.TrimPrefix(tiff, []byte("Exif\x00\x00")))
			}
		}
		at += 8 + length + length&1
	}
	if !found {
		return h, errHeader
	}
	return h, nil
}

func little24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// Tags of TIFF 6.0 that say how the pixels are cut.
const (
	tagRowsPerStrip = 0x0116
	tagTileWidth    = 0x0142
	tagTileLength   = 0x0143
)

// blockBytes is how many bytes of a pixel the decoder takes out of a strip or a
// tile, at most, before it looks at them.
const blockBytes = 8

// tiffHeader reads the header of the first page.
func tiffHeader(r io.ReaderAt, size int64) (header, error) {
	c, err := tiff.DecodeConfig(io.NewSectionReader(r, 0, size))
	if err != nil {
		return header{}, err
	}
	h := configOf(c)
	tags, err := tiffTags(r)
	if err != nil {
		return header{}, err
	}
	width, height := int64(c.Width), int64(c.Height)
	if rows := int64(tags[tagRowsPerStrip]); rows > 0 {
		height = min(height, rows)
	}
	// A tile may be larger than the image, which it then says in vain.
	if w, l := int64(tags[tagTileWidth]), int64(tags[tagTileLength]); w > 0 && l > 0 {
		if w > MaxSide || l > MaxSide {
			return header{}, errHeader
		}
		width, height = w, l
	}
	h.extra = width * height * blockBytes
	if o := tags[tagOrientation]; o >= 1 && o <= 8 {
		h.orientation = int(o)
	}
	return h, nil
}

// tiffTags are the tags of the first page that have one whole number.
func tiffTags(r io.ReaderAt) (map[uint16]uint32, error) {
	head, err := read(r, 0, 8)
	if err != nil {
		return nil, err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[0] == 'M' {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(head[4:]))
	count, err := read(r, at, 2)
	if err != nil {
		return nil, err
	}
	n := int(order.Uint16(count))
	entries, err := read(r, at+2, 12*n)
	if err != nil {
		return nil, err
	}
	tags := map[uint16]uint32{}
	for ; len(entries) > 0; entries = entries[12:] {
		if order.Uint32(entries[4:]) != 1 {
			continue
		}
		switch order.Uint16(entries[2:]) {
		case 3: // SHORT
			tags[order.Uint16(entries)] = uint32(order.Uint16(entries[8:]))
		case 4: // LONG
			tags[order.Uint16(entries)] = order.Uint32(entries[8:])
		}
	}
	return tags, nil
}
