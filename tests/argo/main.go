// argo-lua SETTINGS OBJECT [ACTION]: what Argo CD's own code makes of an object (YAML) with the settings of a ConfigMap
// argocd-cm: prints its health and the actions that it offers, or what ACTION turns it into, as JSON. Nothing to do: ends.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const group, kind = "redisrebalance.io", "RedisRebalance"

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func read(file string, into any) {
	if err := yaml.Unmarshal(must(os.ReadFile(file)), into); err != nil {
		log.Fatal(err)
	}
}

// The settings as Argo CD keeps them: by GROUP/KIND.
func machine(file string) lua.VM {
	var settings struct {
		Data map[string]string `json:"data"`
	}
	read(file, &settings)
	return lua.VM{ResourceOverrides: map[string]v1alpha1.ResourceOverride{group + "/" + kind: {
		HealthLua: settings.Data["resource.customizations.health."+group+"_"+kind],
		Actions:   settings.Data["resource.customizations.actions."+group+"_"+kind],
	}}}
}

func look(vm lua.VM, object *unstructured.Unstructured) any {
	script, _, err := vm.GetHealthScript(object)
	health := must(vm.ExecuteHealthLua(object, must(script, err)))
	actions := must(vm.ExecuteResourceActionDiscovery(object, must(vm.GetResourceActionDiscovery(object))))
	return map[string]any{"health": health, "actions": actions}
}

func act(vm lua.VM, object *unstructured.Unstructured, name string) any {
	action := must(vm.GetResourceAction(object, name))
	return must(vm.ExecuteResourceAction(object, action.ActionLua, nil))[0].UnstructuredObj.Object
}

func main() {
	if len(os.Args) < 3 {
		return
	}
	vm := machine(os.Args[1])
	object := &unstructured.Unstructured{}
	read(os.Args[2], &object.Object)
	shown := any(nil)
	if len(os.Args) > 3 {
		shown = act(vm, object, os.Args[3])
	} else {
		shown = look(vm, object)
	}
	os.Stdout.Write(must(json.Marshal(shown)))
}
