// Holds each pod of a stream of YAML documents to the pod security standard `restricted`.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

func main() {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		panic(err)
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	decoder := yaml.NewYAMLOrJSONDecoder(bufio.NewReader(os.Stdin), 4096)
	bad, count := 0, 0
	for {
		var pod corev1.Pod
		if err := decoder.Decode(&pod); err == io.EOF {
			break
		} else if err != nil {
			panic(err)
		}
		count++
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec))
		if !result.Allowed {
			bad++
			fmt.Println(pod.Name + ": " + result.ForbiddenDetail())
		}
	}
	fmt.Printf("%d pods, %d violate restricted\n", count, bad)
	if bad > 0 {
		os.Exit(1)
	}
}
