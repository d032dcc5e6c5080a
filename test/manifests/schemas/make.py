"""Writes the JSON schemas beside this file: only the kinds that deploy/ uses.

    pip download --no-deps kubernetes-validate==1.37.0     # Apache-2.0
    go mod download github.com/kedacore/keda/v2@v2.21.0 knative.dev/serving@v0.51.0 sigs.k8s.io/gateway-api@v1.4.0
    python3 make.py kubernetes_validate-1.37.0-py3-none-any.whl "$(go env GOMODCACHE)"

Kubernetes' own come from the package (strict: a field that is not known is an
error), with the definitions that they need and no descriptions; those of custom
resources from the CRDs in the projects' Go modules, made strict here.
"""
import json
import pathlib
import sys
import zipfile

import yaml

KINDS = ["deployment-apps-v1", "service-v1", "job-batch-v1", "cronjob-batch-v1", "ingress-networking-v1",
         "networkpolicy-networking-v1", "poddisruptionbudget-policy-v1", "configmap-v1"]
CRDS = {
    "scaledobject-keda-v1alpha1": "github.com/kedacore/keda/v2@v2.21.0/config/crd/bases/keda.sh_scaledobjects.yaml",
    "triggerauthentication-keda-v1alpha1": "github.com/kedacore/keda/v2@v2.21.0/config/crd/bases/keda.sh_triggerauthentications.yaml",
    "service-serving-v1": "knative.dev/serving@v0.51.0/config/core/300-resources/service.yaml",
    "httproute-gateway-v1": "sigs.k8s.io/gateway-api@v1.4.0/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
    "referencegrant-gateway-v1beta1": "sigs.k8s.io/gateway-api@v1.4.0/config/crd/standard/gateway.networking.k8s.io_referencegrants.yaml",
}
here = pathlib.Path(__file__).parent
wheel, modules = zipfile.ZipFile(sys.argv[1]), pathlib.Path(sys.argv[2])
folder = "kubernetes_validate/kubernetes-json-schema/v1.37.0-local-strict/"


def lean(value):
    """Without descriptions, and without what only a CRD's server reads."""
    if isinstance(value, dict):
        return {k: lean(v) for k, v in value.items()
                if not (k == "description" and isinstance(v, str)) and not k.startswith("x-kubernetes") and k not in ("$schema", "$id")}
    if isinstance(value, list):
        return [lean(v) for v in value]
    if isinstance(value, str):
        return value.replace("/api/_definitions.json#", "_definitions.json#")
    return value


def strict(value):
    if isinstance(value, dict):
        if isinstance(value.get("properties"), dict) and "additionalProperties" not in value and not value.get("x-kubernetes-preserve-unknown-fields"):
            value["additionalProperties"] = False
        for v in value.values():
            strict(v)
    elif isinstance(value, list):
        for v in value:
            strict(v)


def refs(value, found):
    if isinstance(value, dict):
        if "$ref" in value:
            found.add(value["$ref"].rsplit("/", 1)[1])
        for v in value.values():
            refs(v, found)
    elif isinstance(value, list):
        for v in value:
            refs(v, found)


def write(name, schema):
    (here / (name + ".json")).write_text(json.dumps(schema, sort_keys=True, separators=(",", ":")) + "\n")


needed = set()
for kind in KINDS:
    schema = lean(json.loads(wheel.read(folder + kind + ".json")))
    refs(schema, needed)
    write(kind, schema)
definitions = json.loads(wheel.read(folder + "_definitions.json"))["$defs"]
kept = {}
while needed - kept.keys():
    for name in needed - kept.keys():
        kept[name] = lean(definitions[name])
        refs(kept[name], needed)
write("_definitions", {"$defs": kept})

for name, path in CRDS.items():
    crd = yaml.safe_load((modules / path).read_text())
    version = next(v for v in crd["spec"]["versions"] if v["name"] == name.rsplit("-", 1)[1])
    schema = version["schema"]["openAPIV3Schema"]
    strict(schema)
    schema["properties"]["metadata"] = {"type": "object"}  # of Kubernetes itself
    write(name, lean(schema))
