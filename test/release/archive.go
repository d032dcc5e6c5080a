package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// file is one of an archive.
type file struct {
	name    string
	mode    int64
	content []byte
}

// pack puts the binary and what comes with it into an archive of its own, and
// returns the archive's name. Times are the commit's, and there is no user.
func (r release) pack(out, tree, binary string, t target) (string, error) {
	folder := fmt.Sprintf("docuvault_%s_%s_%s", r.version, t.os, t.arch)
	content, err := os.ReadFile(binary)
	if err != nil {
		return "", err
	}
	files := []file{{folder + "/" + t.binary(), 0o755, content}}
	for _, name := range []string{"LICENSE", "README.md", "SECURITY.md"} {
		content, err := os.ReadFile(filepath.Join(tree, name))
		if err != nil {
			return "", err
		}
		files = append(files, file{folder + "/" + name, 0o644, content})
	}
	name, packed := folder+".tar.gz", packTar
	if t.os == "windows" {
		name, packed = folder+".zip", packZip
	}
	archive, err := packed(files, r.at)
	if err != nil {
		return "", err
	}
	return name, os.WriteFile(filepath.Join(out, name), archive, 0o644)
}

func packTar(files []file, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	gz, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(gz)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content)), ModTime: at, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(w.Close(), gz.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func packZip(files []file, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		part, err := w.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: at})
		if err != nil {
			return nil, err
		}
		if _, err := part.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
