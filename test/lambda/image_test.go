package lambda

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"docuvault/shared/extract"
	"docuvault/shared/ocr"
	"docuvault/shared/vaulttest"
	"docuvault/test/sample"
)

// imageVariable names the root that "test/image/lambda make" has made.
const imageVariable = "DOCUVAULT_TEST_LAMBDA_IMAGE"

// TestAnalyzeImage runs the analysis in its image as Lambda does: by AWS's runtime
// emulator, as a user that is not root, on a root that is read-only, with nothing
// but /tmp to write to. What it runs in WebAssembly is compiled already.
func TestAnalyzeImage(t *testing.T) {
	t.Parallel()
	image := os.Getenv(imageVariable)
	if image == "" {
		t.Skip(imageVariable + " names no folder: make test-lambda-image, as root on Debian")
	}
	program := runtimeEmulator(t)
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(image, "usr/local/bin/aws-lambda-rie"), content, 0o755); err != nil {
		t.Fatal(err)
	}
	w := vaulttest.New(t, nil)
	anna := w.User(t)
	tmp := t.TempDir()
	vars := map[string]string{"AWS_LAMBDA_FUNCTION_TIMEOUT": "300", "AWS_REGION": region}
	for name, value := range onLambda(w.Vars) {
		vars[name] = value
	}
	env, names := []string{"PATH=" + os.Getenv("PATH")}, make([]string, 0, len(vars))
	for name, value := range vars {
		env, names = append(env, name+"="+value), append(names, name)
	}
	env = append(env, "VARIABLES="+strings.Join(names, " "))
	script, err := filepath.Abs(filepath.Join(root, "test/image/lambda"))
	if err != nil {
		t.Fatal(err)
	}
	e := listen(t, root, env, "/var/task/bootstrap", script, "run", image, tmp, "aws-lambda-rie")

	const words = "Invoice 2024-0815: please transfer 119.00 EUR within 14 days."
	printed := sample.PDF("Invoice", words)
	took := map[string]time.Duration{}
	for name, content := range map[string][]byte{"printed": printed, "scanned": scanned(t, image, printed)} {
		letter := anna.Store(t, name+".pdf", "application/pdf", content)
		answer, each := e.invoke(t, batch(t, string(anna.Job(letter.ID))))
		took[name] = each
		if string(answer) != `{"batchItemFailures":[]}` {
			t.Errorf("%s: answered %s", name, answer)
		}
		if status := w.Status(t, letter.ID); status != "ready" {
			t.Errorf("the %s letter is %s", name, status)
		}
		var text struct{ Text string }
		anna.Call(t, http.MethodGet, "/v1/documents/"+letter.ID.String()+"/text", nil).JSON(t, http.StatusOK, &text)
		if !strings.Contains(text.Text, "please transfer 119.00 EUR within 14 days") {
			t.Errorf("the %s letter says %q", name, text.Text)
		}
		anna.Call(t, http.MethodGet, "/v1/documents/"+letter.ID.String()+"/preview", nil).JSON(t, http.StatusOK, &struct{}{})
	}

	// What it had to compile, it would have added to its copy.
	copies, err := filepath.Glob(filepath.Join(tmp, "docuvault-wazero-*"))
	if err != nil || len(copies) != 1 {
		t.Fatalf("its cache is in %q, %v", copies, err)
	}
	baked, has := files(t, filepath.Join(image, "opt/wazero")), files(t, copies[0])
	if len(baked) == 0 || !slices.Equal(has, baked) {
		t.Errorf("its cache holds %q, the image %q", has, baked)
	}
	t.Logf("analyses took %v, one of them with the process's start and 22 MB of copies; at most the process had %s resident", took, peak(image))
}

// scanned is what a scanner makes of a page: a PDF with a picture, without letters.
func scanned(t *testing.T, image string, page []byte) []byte {
	t.Helper()
	extractor, err := extract.New(extract.DefaultLimits, filepath.Join(image, "opt/wazero"), nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = extractor.Close() }()
	drawn, err := extractor.FirstPage(t.Context(), bytes.NewReader(page), int64(len(page)), ocr.MaxSide, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var picture, out bytes.Buffer
	if err := jpeg.Encode(&picture, drawn, nil); err != nil {
		t.Fatal(err)
	}
	const paint = "q 595 0 0 842 0 0 cm /Im1 Do Q"
	out.WriteString("%PDF-1.4\n")
	var at []int
	for i, object := range []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /XObject << /Im1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(paint), paint),
		fmt.Sprintf("<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode /Length %d >>\nstream\n%s\nendstream",
			drawn.Bounds().Dx(), drawn.Bounds().Dy(), picture.Len(), picture.String()),
	} {
		at = append(at, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	end := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, offset := range at {
		fmt.Fprintf(&out, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&out, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, end)
	return out.Bytes()
}

// peak is the most memory that the process in the image had, as Linux says it.
func peak(image string) string {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		if in, err := os.Readlink(process + "/root"); err != nil || in != image {
			continue
		}
		status, err := os.ReadFile(process + "/status")
		if err != nil || !strings.HasPrefix(string(status), "Name:\tbootstrap") {
			continue
		}
		for line := range strings.Lines(string(status)) {
			if most, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				return strings.TrimSpace(most)
			}
		}
	}
	return "an unknown amount"
}

// files lists the files below a folder.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	if err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			names = append(names, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return names
}
