package manifests

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/yannh/kubeconform/pkg/validator"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// kustomizations are what somebody applies, each with kinds that must be in it.
var kustomizations = map[string][]string{
	"../../deploy/kubernetes/base":     {"Deployment/docuvault-api", "Deployment/docuvault-worker", "Job/docuvault-migrate", "CronJob/docuvault-schedules-reconcile", "Ingress/docuvault", "NetworkPolicy/docuvault"},
	"../../deploy/kubernetes/keda":     {"ScaledObject/docuvault-worker", "Deployment/docuvault-worker"},
	"../../deploy/kubernetes/keda-sqs": {"ScaledObject/docuvault-worker", "Deployment/docuvault-worker"},
	"../../deploy/knative":             {"Service/docuvault-uploads-begin", "HTTPRoute/docuvault-uploads", "Deployment/docuvault-worker", "Job/docuvault-migrate"},
}

// checker is kubeconform with the schemas of this folder alone: strict, and what
// has no schema is an error.
func checker(t *testing.T) validator.Validator {
	t.Helper()
	v, err := validator.New([]string{"schemas/{{.ResourceKind}}{{.KindSuffix}}.json"}, validator.Opts{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func check(t *testing.T, v validator.Validator, name string, yaml []byte) (invalid []string) {
	t.Helper()
	for _, result := range v.ValidateWithContext(context.Background(), name, io.NopCloser(bytes.NewReader(yaml))) {
		switch result.Status {
		case validator.Valid, validator.Empty:
		default:
			signature, _ := result.Resource.Signature()
			invalid = append(invalid, signature.Kind+"/"+signature.Name+": "+result.Err.Error())
		}
	}
	return invalid
}

// TestKubernetesConforms builds what kubectl would apply, and holds each object to
// the schema of its kind.
func TestKubernetesConforms(t *testing.T) {
	t.Parallel()
	for dir, want := range kustomizations {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
			if err != nil {
				t.Fatal(err)
			}
			var have []string
			for _, object := range built.Resources() {
				have = append(have, object.GetKind()+"/"+object.GetName())
				if object.GetNamespace() != "docuvault" {
					t.Errorf("%s/%s is in namespace %q", object.GetKind(), object.GetName(), object.GetNamespace())
				}
			}
			for _, object := range want {
				if !slices.Contains(have, object) {
					t.Errorf("there is no %s", object)
				}
			}
			yaml, err := built.AsYaml()
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(yaml)) {
				_, image, is := strings.Cut(line, "image: ")
				if image = strings.TrimSpace(image); is && !strings.HasPrefix(image, "ko://") && (!strings.Contains(image, ":") || strings.HasSuffix(image, ":latest")) {
					t.Errorf("image %s is not pinned", image)
				}
			}
			for _, wrong := range check(t, checker(t), dir, yaml) {
				t.Error(wrong)
			}
		})
	}
}

// TestKubernetesHardened holds every container to what the namespace standard
// "restricted" wants, and a root that is read-only.
func TestKubernetesHardened(t *testing.T) {
	t.Parallel()
	for dir := range kustomizations {
		built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
		if err != nil {
			t.Fatal(err)
		}
		pods := 0
		for _, object := range built.Resources() {
			value, err := object.Map()
			if err != nil {
				t.Fatal(err)
			}
			pod := podOf(value)
			if pod == nil {
				continue
			}
			pods++
			name := object.GetKind() + "/" + object.GetName()
			inPod, _ := pod["securityContext"].(map[string]any)
			for _, c := range pod["containers"].([]any) {
				own, _ := c.(map[string]any)["securityContext"].(map[string]any)
				capabilities, _ := own["capabilities"].(map[string]any)
				drop, _ := capabilities["drop"].([]any)
				either := func(field string) any {
					if own[field] != nil {
						return own[field]
					}
					return inPod[field]
				}
				if own["allowPrivilegeEscalation"] != false || own["readOnlyRootFilesystem"] != true || either("runAsNonRoot") != true ||
					either("seccompProfile") == nil || len(drop) != 1 || drop[0] != "ALL" {
					t.Errorf("%s: securityContext %v", name, own)
				}
				if limits, _ := c.(map[string]any)["resources"].(map[string]any)["limits"].(map[string]any); limits["memory"] == nil {
					t.Errorf("%s: nothing bounds its memory", name)
				}
			}
			if pod["automountServiceAccountToken"] != false {
				t.Errorf("%s has a token of the cluster", name)
			}
		}
		if pods == 0 {
			t.Errorf("%s has no pod: this test looks in the wrong place", dir)
		}
	}
}

// podOf is the pod's spec of a workload; nil for what runs nothing.
func podOf(object map[string]any) map[string]any {
	spec, _ := object["spec"].(map[string]any)
	if job, ok := spec["jobTemplate"].(map[string]any); ok {
		spec, _ = job["spec"].(map[string]any)
	}
	template, _ := spec["template"].(map[string]any)
	pod, _ := template["spec"].(map[string]any)
	return pod
}

// TestTheSchemasRefuse shows that the check sees what is wrong.
func TestTheSchemasRefuse(t *testing.T) {
	t.Parallel()
	for kind, file := range map[string]string{
		"Deployment": "kubernetes/base/api.yaml", "CronJob": "kubernetes/background/schedules.yaml", "Service": "knative/services.yaml",
		"HTTPRoute": "knative/routes.yaml", "ScaledObject": "kubernetes/keda/scaledobject.yaml",
	} {
		content, err := os.ReadFile(filepath.Join("../../deploy", file))
		if err != nil {
			t.Fatal(err)
		}
		wrong := strings.Replace(string(content), "\nspec:\n", "\nspec:\n  specc: 1\n", 1)
		if invalid := check(t, checker(t), file, []byte(wrong)); len(invalid) != 1 || !strings.Contains(invalid[0], "specc") {
			t.Errorf("%s with a field that is unknown: %q", kind, invalid)
		}
	}
}
