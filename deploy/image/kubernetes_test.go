package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// manifests decodes the file strictly into the types of the API: an unknown, misspelt or doubled field is an error.
func manifests(t *testing.T) map[string]any {
	t.Helper()
	raw, err := os.ReadFile("../kubernetes/responder.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	for i, doc := range bytes.Split(raw, []byte("\n---\n")) {
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal(doc, &kind); err != nil {
			t.Fatalf("document %d: %v", i, err)
		}
		var meta struct{ Metadata metav1.ObjectMeta }
		if err := yaml.Unmarshal(doc, &meta); err != nil {
			t.Fatalf("document %d: %v", i, err)
		}
		into := map[string]any{
			"v1/Namespace": &corev1.Namespace{}, "v1/Service": &corev1.Service{},
			"apps/v1/Deployment":                     &appsv1.Deployment{},
			"autoscaling/v2/HorizontalPodAutoscaler": &autoscalingv2.HorizontalPodAutoscaler{},
			"policy/v1/PodDisruptionBudget":          &policyv1.PodDisruptionBudget{},
			"networking.k8s.io/v1/NetworkPolicy":     &networkingv1.NetworkPolicy{},
		}[kind.APIVersion+"/"+kind.Kind]
		if into == nil {
			t.Fatalf("document %d: unknown type %s/%s", i, kind.APIVersion, kind.Kind)
		}
		if err := yaml.UnmarshalStrict(doc, into); err != nil {
			t.Errorf("%s %s: %v", kind.Kind, meta.Metadata.Name, err)
		}
		all[fmt.Sprintf("%s/%s", kind.Kind, meta.Metadata.Name)] = into
	}
	return all
}

func TestManifests(t *testing.T) {
	all := manifests(t)
	d := all["Deployment/responder"].(*appsv1.Deployment)
	pod := d.Spec.Template.Spec
	c := pod.Containers[0]
	for what, ok := range map[string]bool{
		"no token of a service account": pod.AutomountServiceAccountToken != nil && !*pod.AutomountServiceAccountToken,
		"not root":                      *pod.SecurityContext.RunAsNonRoot && *pod.SecurityContext.RunAsUser == 65532,
		"read-only root":                *c.SecurityContext.ReadOnlyRootFilesystem,
		"no escalation":                 !*c.SecurityContext.AllowPrivilegeEscalation,
		"no capability": len(c.SecurityContext.Capabilities.Drop) == 1 &&
			c.SecurityContext.Capabilities.Drop[0] == "ALL",
		"no secret": !hasSecret(pod),
		"the image's user": user == fmt.Sprintf("%d:%d", *pod.SecurityContext.RunAsUser,
			*pod.SecurityContext.RunAsGroup),
		"enough copies": *d.Spec.Replicas >= 2 &&
			*all["HorizontalPodAutoscaler/responder"].(*autoscalingv2.HorizontalPodAutoscaler).Spec.MinReplicas >= 2,
	} {
		if !ok {
			t.Errorf("deployment: %s does not hold", what)
		}
	}
	labels := d.Spec.Template.Labels
	for what, selector := range map[string]map[string]string{
		"deployment": d.Spec.Selector.MatchLabels,
		"service":    all["Service/responder"].(*corev1.Service).Spec.Selector,
		"budget":     all["PodDisruptionBudget/responder"].(*policyv1.PodDisruptionBudget).Spec.Selector.MatchLabels,
		"policy":     all["NetworkPolicy/responder"].(*networkingv1.NetworkPolicy).Spec.PodSelector.MatchLabels,
	} {
		for k, v := range selector {
			if labels[k] != v {
				t.Errorf("%s selects %s=%s; the pods have %q", what, k, v, labels[k])
			}
		}
		if len(selector) == 0 {
			t.Errorf("%s selects everything", what)
		}
	}
}

func hasSecret(pod corev1.PodSpec) bool {
	for _, v := range pod.Volumes {
		if v.Secret != nil || v.HostPath != nil || v.Projected != nil {
			return true
		}
	}
	for _, c := range pod.Containers {
		if len(c.Env) > 0 || len(c.EnvFrom) > 0 {
			return true
		}
	}
	return false
}

// TestEgress allows names and the bucket, and nothing else: no rule without a destination and a port.
func TestEgress(t *testing.T) {
	all := manifests(t)
	deny := all["NetworkPolicy/deny"].(*networkingv1.NetworkPolicy).Spec
	if len(deny.PodSelector.MatchLabels) != 0 || len(deny.Egress) != 0 || len(deny.Ingress) != 0 ||
		len(deny.PolicyTypes) != 2 {
		t.Error("the first policy does not deny everything")
	}
	for i, rule := range all["NetworkPolicy/responder"].(*networkingv1.NetworkPolicy).Spec.Egress {
		if len(rule.To) == 0 || len(rule.Ports) == 0 {
			t.Errorf("egress rule %d lets everything out", i)
		}
		for _, to := range rule.To {
			if to.IPBlock != nil && regexp.MustCompile(`/[0-7]$`).MatchString(to.IPBlock.CIDR) {
				t.Errorf("egress rule %d is as wide as %s", i, to.IPBlock.CIDR)
			}
		}
	}
}
