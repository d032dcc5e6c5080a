package layout

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"docuvault/deploy/aws/groups"
	"docuvault/functions"
	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/host/hostqueue"
	"docuvault/shared/host/hostschedule"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
)

// mayHave says which functions may ever hold a secret. The test below holds
// template.yaml to what constructors ask for; this list holds constructors to
// the design.
var mayHave = map[string]func(name string) bool{
	"SESSION_KEYS":        oneOf("auth-register", "auth-login", "auth-refresh"),
	"JWT_SIGNING_KEYS":    oneOf("auth-register", "auth-login", "auth-refresh"),
	"STORAGE_EVENT_TOKEN": oneOf("events-storage"),
	"SMTP_URL":            oneOf("workers-mail"),
	"MASTER_KEYS": func(name string) bool {
		area, _, _ := strings.Cut(name, "-")
		return area != "events" && (area != "auth" || name == "auth-login" || name == "auth-reauth")
	},
}

func oneOf(names ...string) func(string) bool {
	return func(name string) bool { return slices.Contains(names, name) }
}

// values stand for the secrets and parameters of a deployment.
func values(t *testing.T) map[string]string {
	t.Helper()
	key := func() string {
		generated, err := keys.Generate("k1")
		if err != nil {
			t.Fatal(err)
		}
		return generated.Reveal()
	}
	signing := key()
	set, err := keys.ParseSet("JWT_SIGNING_KEYS", secret.New(signing))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"DATABASE_URL":        "postgres://docuvault_app:x@127.0.0.1:1/docuvault",
		"MASTER_KEYS":         key(),
		"SESSION_KEYS":        key(),
		"JWT_SIGNING_KEYS":    signing,
		"JWT_PUBLIC_KEYS":     string(auth.JWKS(set)),
		"STORAGE_EVENT_TOKEN": strings.Repeat("t", 32),
		"EMAIL_VERIFICATION":  "required",
		"SMTP_URL":            "smtp://vault:x@mail.example.org?from=vault@example.org",
		"PUBLIC_URL":          "https://vault.example.org",
		"S3_BUCKET":           "documents",
		"S3_DERIVED_BUCKET":   "derived",
		"S3_REGION":           "eu-central-1",
		"SQS_QUEUE_PREFIX":    "docuvault-",
		"REGISTRATION":        "invite",
		"TRUSTED_PROXIES":     "", // the parameter's default
		// The same; functions start without a collector.
		"OTEL_EXPORTER_OTLP_ENDPOINT": "",
	}
}

// TestTemplateEnvironment constructs every function with exactly the variables
// that template.yaml gives it, and every group with those of template.grouped.yaml:
// they are enough, and each secret among them is one without which the function, or
// one of the group, does not start. So nobody has a key for nothing.
func TestTemplateEnvironment(t *testing.T) {
	t.Parallel()
	value := values(t)
	for _, file := range templates {
		template, byName := deployedAs(t, file)
		all := mapping(template, "Globals", "Function", "Environment", "Variables")
		together := map[string][]host.Function{}
		for _, fn := range functions.All {
			name := fn.Name
			if file == groupedFile {
				name = groups.Deployed(fn)
			}
			together[name] = append(together[name], fn)
		}
		for name, fns := range together {
			t.Run(file+"/"+name, func(t *testing.T) {
				t.Parallel()
				checkEnvironment(t, fns, value, all, mapping(byName[name], "Properties", "Environment", "Variables"))
			})
		}
	}
}

// checkEnvironment starts functions, which share a program, with the variables of
// all programs and their own.
func checkEnvironment(t *testing.T, fns []host.Function, value map[string]string, all, own map[string]any) {
	t.Helper()
	vars := map[string]string{
		// What the platform sets.
		"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1", "AWS_REGION": "eu-central-1",
		"AWS_ACCESS_KEY_ID": "role", "AWS_SECRET_ACCESS_KEY": "role", "AWS_SESSION_TOKEN": "role",
	}
	var secrets []string
	for _, variables := range []map[string]any{all, own} {
		for name, given := range variables {
			base, isSecret := strings.CutSuffix(name, "_SECRET_ARN")
			if isSecret {
				secrets = append(secrets, base)
			} else if _, known := mayHave[base]; known || base == "DATABASE_URL" {
				t.Errorf("%s stands readable in the function's configuration: pass %s_SECRET_ARN", base, base)
			}
			if v, ok := value[base]; ok {
				vars[base] = v
			} else {
				vars[base] = fmt.Sprint(given)
			}
		}
	}
	if err := construct(fns, vars); err != nil {
		t.Fatalf("with what the template gives it: %v", err)
	}
	for _, name := range secrets {
		if may, ruled := mayHave[name]; ruled && !slices.ContainsFunc(fns, func(fn host.Function) bool { return may(fn.Name) }) {
			t.Errorf("has %s, which the design does not give it", name)
		}
		less := maps.Clone(vars)
		delete(less, name)
		err := construct(fns, less)
		if err == nil {
			t.Errorf("has %s and starts without it: take it away", name)
		} else if !strings.Contains(err.Error(), name) {
			t.Errorf("without %s it says %q, which does not name it", name, err)
		}
	}
}

// construct runs the constructors of functions, as their host would at init.
func construct(fns []host.Function, vars map[string]string) error {
	environ := make([]string, 0, len(vars))
	for name, v := range vars {
		environ = append(environ, name+"="+v)
	}
	env, err := host.NewEnv(environ, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return err
	}
	defer func() { _ = env.Close() }()
	switch trigger := fns[0].Trigger.(type) {
	case *hosthttp.Route:
		_, err = hosthttp.Handler(env, fns...)
	case *hostqueue.Consumer:
		_, err = trigger.Construct(env)
	case *hostschedule.Job:
		_, err = trigger.Construct(env)
	default:
		err = fmt.Errorf("a trigger of an unknown kind: %T", trigger)
	}
	return err
}

// build compiles a package of the repository as a release does.
func build(t *testing.T, output, pkg string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags=-s -w", "-o", output, pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
}
