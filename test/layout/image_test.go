package layout

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// stage is one stage of the Dockerfile.
type stage struct {
	name, from   string
	instructions [][2]string // keyword and the rest of the line
}

func (s stage) last(keyword string) string {
	value := ""
	for _, i := range s.instructions {
		if i[0] == keyword {
			value = i[1]
		}
	}
	return value
}

// stages reads the Dockerfile; the stage that another builds on comes first.
func stages(t *testing.T) (order []stage, byName map[string]stage) {
	t.Helper()
	byName = map[string]stage{}
	joined := strings.ReplaceAll(regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAllString(read(t, "Dockerfile"), ""), "\\\n", " ")
	for line := range strings.Lines(joined) {
		keyword, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case keyword == "":
		case keyword == "FROM":
			words := strings.Fields(strings.TrimPrefix(rest, "--platform=$BUILDPLATFORM "))
			if len(words) != 3 || words[1] != "AS" {
				t.Fatalf("FROM %s: want an image AS a name", rest)
			}
			order = append(order, stage{name: words[2], from: words[0]})
		case len(order) == 0:
			t.Fatalf("%s before the first FROM", keyword)
		default:
			s := &order[len(order)-1]
			s.instructions = append(s.instructions, [2]string{keyword, strings.TrimSpace(rest)})
		}
	}
	for _, s := range order {
		byName[s.name] = s
	}
	return order, byName
}

// TestImages wants what every image of the Dockerfile promises: a base that is
// pinned, a user that is not root, a health check that needs no other program,
// and nothing fetched past the package managers.
func TestImages(t *testing.T) {
	t.Parallel()
	order, byName := stages(t)
	for _, s := range order {
		if _, ours := byName[s.from]; !ours && s.from != "scratch" && (!pinned.MatchString(s.from) || strings.HasSuffix(s.from, ":latest")) {
			t.Errorf("%s: the image %q is not pinned by a tag", s.name, s.from)
		}
		for _, i := range s.instructions {
			if i[0] == "ADD" || strings.Contains(i[1], "curl ") || strings.Contains(i[1], "wget ") {
				t.Errorf("%s fetches past the package managers: %s %s", s.name, i[0], i[1])
			}
			if name, value, ok := strings.Cut(i[1], "="); i[0] == "ENV" && ok && regexp.MustCompile(`KEY|TOKEN|SECRET|PASSWORD`).MatchString(name) {
				t.Errorf("%s: a secret in an image: %s=%s", s.name, name, value)
			}
		}
	}
	for _, target := range []string{"vault", "server", "worker", "functions"} {
		s, ok := byName[target]
		if !ok {
			t.Errorf("there is no target %s", target)
			continue
		}
		if user := s.last("USER"); user != "65532:65532" {
			t.Errorf("%s runs as %q", target, user)
		}
		if entry := s.last("ENTRYPOINT") + byName[s.from].last("ENTRYPOINT"); !strings.HasPrefix(entry, "[") {
			t.Errorf("%s starts with %q, through a shell", target, entry)
		}
		if target != "functions" && s.last("HEALTHCHECK") == "" {
			t.Errorf("%s has no health check", target)
		}
	}
	if byName["functions"].from != "scratch" || byName["server"].from != "scratch" {
		t.Error("functions and server have more in them than the program")
	}
	if got := byName["vault"].last("VOLUME"); got != "/data" {
		t.Errorf("the vault's volume is %q", got)
	}
	if want := "golang:" + goVersion(t) + "-"; !strings.HasPrefix(byName["source"].from, want) {
		t.Errorf("built with %s, and go.mod says %s", byName["source"].from, want)
	}
	for _, s := range []string{"program", "function", "analyze"} {
		if n := strings.Count(byName[s].last("RUN"), "go build"); n == 0 || strings.Count(byName[s].last("RUN"), "GOOS=$TARGETOS GOARCH=$TARGETARCH go build") != n {
			t.Errorf("stage %s does not build for the target's platform on this one's", s)
		}
	}
	checkLambdaImage(t, byName)
	// The chroot that proves it reads the Dockerfile by the same stages.
	if script := read(t, "test/image/chroot"); !strings.Contains(script, ` tesseract worker vault
`) {
		t.Error("test/image/chroot does not run the stages of the target vault")
	}
}

// checkLambdaImage wants the analysis on Lambda to have what it compiles already
// compiled, by a program that ran on the platform of the image, where the function
// looks for it.
func checkLambdaImage(t *testing.T, byName map[string]stage) {
	t.Helper()
	s, warm := byName["lambda-analyze"], byName["warm"]
	if s.from != "tesseract" || warm.from != "tesseract" || byName["worker"].from != "tesseract" || s.last("USER") != "" {
		t.Errorf("lambda-analyze is made from %s, as user %q, with code of %s", s.from, s.last("USER"), warm.from)
	}
	// Of the stages, only those that compile Go and the page run on the builder's.
	for line := range strings.Lines(read(t, "Dockerfile")) {
		if strings.HasPrefix(line, "FROM --platform=$BUILDPLATFORM") && !strings.Contains(line, " AS page") && !strings.Contains(line, " AS source") {
			t.Errorf("on the builder's platform: %s", line)
		}
	}
	if got := warm.last("RUN"); got != "XDG_CACHE_HOME=/cache warm && chmod -R a+rX /cache" {
		t.Errorf("warm runs %q", got)
	}
	if !slices.Contains(s.instructions, [2]string{"COPY", "--from=warm /cache/docuvault/wazero /opt/wazero"}) || s.last("ENV") != "PDF_CACHE_DIR=/opt/wazero" {
		t.Errorf("lambda-analyze has %v", s.instructions)
	}
	if s.last("ENTRYPOINT") != `["/var/task/bootstrap"]` || s.last("WORKDIR") != "/var/task" {
		t.Errorf("lambda-analyze starts %s in %s", s.last("ENTRYPOINT"), s.last("WORKDIR"))
	}
}

// goVersion is the version in go.mod.
func goVersion(t *testing.T) string {
	t.Helper()
	match := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(read(t, "go.mod"))
	if match == nil {
		t.Fatal("go.mod names no version")
	}
	return match[1]
}
