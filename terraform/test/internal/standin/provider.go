package standin

import (
	"context"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// A Provider answers what `terraform validate`, `plan` and mocked tests ask.
// The embedded interface is nil: a request that they do not make, such as
// apply, ends the provider.
type Provider struct {
	tfprotov6.ProviderServer
	schemas  map[string]*tfprotov6.Schema
	computed map[string]map[string]bool
}

// New infers the provider from the module in folder.
func New(folder string) (*Provider, error) {
	shapes, computed, err := infer(folder)
	if err != nil {
		return nil, err
	}
	p := &Provider{schemas: map[string]*tfprotov6.Schema{}, computed: computed}
	for kind, s := range shapes {
		p.schemas[kind] = &tfprotov6.Schema{Block: s.schema(computed[kind])}
	}
	return p, nil
}

// GetMetadata implements tfprotov6.ProviderServer, as do all methods below.
func (p *Provider) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	resp := &tfprotov6.GetMetadataResponse{}
	for kind := range p.schemas {
		resp.Resources = append(resp.Resources, tfprotov6.ResourceMetadata{TypeName: kind})
	}
	return resp, nil
}

func (p *Provider) GetProviderSchema(context.Context,
	*tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	configuration := &tfprotov6.SchemaBlock{}
	for _, name := range []string{"project", "region"} {
		configuration.Attributes = append(configuration.Attributes,
			&tfprotov6.SchemaAttribute{Name: name, Type: tftypes.String, Optional: true})
	}
	return &tfprotov6.GetProviderSchemaResponse{Provider: &tfprotov6.Schema{Block: configuration},
		ResourceSchemas: p.schemas}, nil
}

func (p *Provider) GetResourceIdentitySchemas(context.Context,
	*tfprotov6.GetResourceIdentitySchemasRequest) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (p *Provider) ValidateProviderConfig(_ context.Context,
	r *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: r.Config}, nil
}

func (p *Provider) ConfigureProvider(context.Context,
	*tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	return &tfprotov6.ConfigureProviderResponse{}, nil
}

func (p *Provider) ValidateResourceConfig(context.Context,
	*tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return &tfprotov6.ValidateResourceConfigResponse{}, nil
}

func (p *Provider) StopProvider(context.Context,
	*tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

// PlanResourceChange takes the proposal; what the provider would compute is unknown.
func (p *Provider) PlanResourceChange(_ context.Context,
	r *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	resp := &tfprotov6.PlanResourceChangeResponse{PlannedState: r.ProposedNewState}
	kind := p.schemas[r.TypeName].ValueType()
	proposed, err := r.ProposedNewState.Unmarshal(kind)
	if err != nil || proposed.IsNull() {
		return resp, err
	}
	attributes := map[string]tftypes.Value{}
	if err := proposed.As(&attributes); err != nil {
		return nil, err
	}
	for name := range p.computed[r.TypeName] {
		if attributes[name].IsNull() {
			attributes[name] = tftypes.NewValue(tftypes.String, tftypes.UnknownValue)
		}
	}
	planned, err := tfprotov6.NewDynamicValue(kind, tftypes.NewValue(kind, attributes))
	if err != nil {
		return nil, err
	}
	resp.PlannedState = &planned
	return resp, nil
}
