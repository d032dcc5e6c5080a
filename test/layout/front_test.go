package layout

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"docuvault/web"
)

// TestTemplateFront holds CloudFront to what the vault itself does: the same
// paths are the page, with the same policies, and /v1 is never kept.
func TestTemplateFront(t *testing.T) {
	t.Parallel()
	template, _ := deployed(t)
	resources := mapping(template, "Resources")

	var pages, served []string
	if err := json.Unmarshal([]byte(read(t, "web/src/router/pages.json")), &pages); err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`const pages = (\[.*\]);`).FindStringSubmatch(text(resources, "PagePaths", "Properties", "FunctionCode"))
	if list == nil {
		t.Fatal("the function of CloudFront has no list of pages")
	}
	if err := json.Unmarshal([]byte(list[1]), &served); err != nil || !slices.Equal(served, pages) {
		t.Errorf("CloudFront serves the page at %q, want %q: %v", served, pages, err)
	}

	page, err := web.New(fstest.MapFS{"index.html": {}, "assets/hash.worker-1.js": {}}, http.NotFoundHandler(),
		"https://${DocumentsBucketName}.s3.${AWS::Region}.${AWS::URLSuffix}", "https://${DerivedBucketName}.s3.${AWS::Region}.${AWS::URLSuffix}")
	if err != nil {
		t.Fatal(err)
	}
	for path, logical := range map[string]string{"/": "PageHeaders", "/assets/hash.worker-1.js": "HashWorkerHeaders"} {
		answer := httptest.NewRecorder()
		page.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		config := mapping(resources, logical, "Properties", "ResponseHeadersPolicyConfig")
		want := answer.Header().Get("Content-Security-Policy")
		if got := strings.TrimPrefix(text(config, "SecurityHeadersConfig", "ContentSecurityPolicy", "ContentSecurityPolicy"), "!Sub "); want == "" || got != want {
			t.Errorf("%s has the policy\n%s\nthe vault's is\n%s", logical, got, want)
		}
		custom, _ := dig(config, "CustomHeadersConfig", "Items").([]any)
		for _, header := range custom {
			if name := text(header, "Header"); text(header, "Value") != answer.Header().Get(name) {
				t.Errorf("%s: %s is %s, the vault's is %s", logical, name, text(header, "Value"), answer.Header().Get(name))
			}
		}
	}

	const caches, keeps = "658327ea-f89d-4fab-a63d-7e88639e58f6", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
	config := mapping(resources, "Front", "Properties", "DistributionConfig")
	if b := dig(config, "DefaultCacheBehavior"); text(b, "TargetOriginId") != "page" || text(b, "CachePolicyId") != caches {
		t.Errorf("CloudFront's default is %v", b)
	}
	behaviours, _ := dig(config, "CacheBehaviors").([]any)
	api := map[string]bool{}
	for _, b := range behaviours {
		if text(b, "TargetOriginId") == "api" {
			api[text(b, "PathPattern")] = true
			if text(b, "CachePolicyId") != keeps {
				t.Errorf("CloudFront keeps answers of %s", text(b, "PathPattern"))
			}
		}
	}
	if !api["/v1/*"] || !api["/.well-known/*"] {
		t.Errorf("CloudFront sends %v to the API", api)
	}
}
