package layout

import (
	"testing"
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
