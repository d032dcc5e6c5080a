package layout

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	"docuvault/functions/workers/analyze"
)

// spare is how many connections of a server are left to PostgreSQL itself and to
// RDS, to an operator, and to instances of two versions that meet in a deployment.
const spare = 20

// TestTemplateConnections holds the sum of what may run at once below the
// database's max_connections, in both templates: an instance has one connection,
// the migration one as well. In groups they fit a server that takes 100, and also
// one of RDS's smallest, which takes about 80.
func TestTemplateConnections(t *testing.T) {
	t.Parallel()
	for _, file := range templates {
		template, byName := deployedAs(t, file)
		byName[migrates] = mapping(template, "Resources", migrates)
		connections, instances := 0, 0
		for name, resource := range byName {
			n := number(resource, "Properties", "ReservedConcurrentExecutions")
			if n == 0 {
				n = number(template, "Globals", "Function", "ReservedConcurrentExecutions")
			}
			if n == 0 {
				t.Fatalf("%s: %s has no reserved concurrency: nothing bounds its connections", file, name)
			}
			// More messages than instances would be thrown back, and become dead letters.
			for _, event := range mapping(resource, "Properties", "Events") {
				if text(event, "Type") == "SQS" && number(event, "Properties", "ScalingConfig", "MaximumConcurrency") != n {
					t.Errorf("%s: %s takes other than %d messages at once", file, name, n)
				}
			}
			instances += n
			variables := mapping(resource, "Properties", "Environment", "Variables")
			if variables["DATABASE_URL_SECRET_ARN"] != nil || variables["DATABASE_MIGRATE_URL_SECRET_ARN"] != nil {
				connections += n
			}
		}
		limit := mapping(template, "Parameters", "DatabaseMaxConnections")
		if connections == 0 || number(limit, "Default") < number(limit, "MinValue") || number(limit, "MinValue") < connections+spare {
			t.Errorf("%s: %d connections, and the database takes %d, %d at least; want %d spare", file, connections, number(limit, "Default"), number(limit, "MinValue"), spare)
		}
		if file == groupedFile && connections+spare > 80 {
			t.Errorf("%s: %d connections and %d spare: a server of the smallest size takes about 80", file, connections, spare)
		}
		// What an account has, less what it does not let anybody reserve.
		if instances > 1000-100 {
			t.Errorf("%s: %d instances are reserved, and an account has 1000, of which 100 stay free", file, instances)
		}
		t.Logf("%s: %d of %d connections, %d instances", file, connections, number(limit, "Default"), instances)
	}
}

// TestTemplateAnalyzeImage wants the analysis as an image to be the function that
// the zip is, with the same rights, in all but what an image is; and never both.
func TestTemplateAnalyzeImage(t *testing.T) {
	t.Parallel()
	addition := parse(t, "deploy/aws/analyze.yaml")
	image := mapping(addition, "Resources", "AnalyzeFunction", "Properties")
	const queue = "!Sub arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Stack}-analyze"
	event := mapping(image, "Events", "Messages", "Properties")
	if image["PackageType"] != "Image" || image["ImageUri"] != "!Ref ImageUri" || event["Queue"] != queue ||
		image["FunctionName"] != "!Sub ${Stack}-"+analyze.Function.Name+"-image" ||
		image["ReservedConcurrentExecutions"] != "!Ref Concurrency" || text(event, "ScalingConfig", "MaximumConcurrency") != "!Ref Concurrency" {
		t.Errorf("the image is %v", image)
	}
	for _, file := range templates {
		template, byName := deployedAs(t, file)
		function := byName[analyze.Function.Name]
		if text(function, "Condition") != "AnalyzeInZip" || text(template, "Conditions", "AnalyzeInZip") != "[!Ref AnalyzeIn zip]" {
			t.Errorf("%s: the zip is there if %q: %v", file, text(function, "Condition"), template["Conditions"])
		}
		zip, all := mapping(function, "Properties"), mapping(template, "Globals", "Function")
		if most := number(addition, "Parameters", "Concurrency", "MaxValue"); most > number(zip, "ReservedConcurrentExecutions") && file != groupedFile {
			t.Errorf("%s has connections for %d of the image, which may have %d", file, number(zip, "ReservedConcurrentExecutions"), most)
		}
		variables := maps.Clone(mapping(zip, "Environment", "Variables"))
		maps.Copy(variables, mapping(all, "Environment", "Variables"))
		delete(variables, "TRUSTED_PROXIES") // nobody calls it
		if !reflect.DeepEqual(mapping(image, "Environment", "Variables"), variables) {
			t.Errorf("%s: the image has the variables %v, the zip %v", file, mapping(image, "Environment", "Variables"), variables)
		}
		for _, name := range []string{"Policies", "Timeout"} {
			if !reflect.DeepEqual(image[name], zip[name]) {
				t.Errorf("%s: %s of the image is %v, of the zip %v", file, name, image[name], zip[name])
			}
		}
		for _, name := range []string{"VpcConfig", "Architectures"} {
			if !reflect.DeepEqual(image[name], all[name]) {
				t.Errorf("%s: %s of the image is %v, of all others %v", file, name, image[name], all[name])
			}
		}
		other := mapping(zip, "Events", "Messages", "Properties")
		if event["BatchSize"] != other["BatchSize"] || !reflect.DeepEqual(event["FunctionResponseTypes"], other["FunctionResponseTypes"]) {
			t.Errorf("%s: the image gets messages as %v, the zip as %v", file, event, other)
		}
	}
	if !strings.Contains(read(t, "Makefile"), "--target lambda-analyze ") {
		t.Error("make lambda-image does not build the target lambda-analyze")
	}
}
