# A global load balancer with Cloud CDN on port 80; https beside it when there is a host name,
# never instead of it.

locals {
  with_responder = var.responder != null
}

resource "google_compute_global_address" "repository" {
  name    = var.name
  project = var.project_id
}

resource "google_compute_backend_bucket" "repository" {
  name                    = var.name
  project                 = var.project_id
  bucket_name             = google_storage_bucket.repository.name
  enable_cdn              = true
  compression_mode        = "DISABLED" # relying parties get the bytes that the CA signed
  custom_response_headers = var.response_headers

  cdn_policy {
    cache_mode       = "USE_ORIGIN_HEADERS" # the publisher derives them from nextUpdate
    negative_caching = true

    negative_caching_policy {
      code = 404
      ttl  = 5
    }
  }
}

resource "google_compute_global_network_endpoint_group" "responder" {
  count = local.with_responder ? 1 : 0

  name                  = "${var.name}-responder"
  project               = var.project_id
  network_endpoint_type = "INTERNET_FQDN_PORT"
  default_port          = var.responder.port
}

resource "google_compute_global_network_endpoint" "responder" {
  count = local.with_responder ? 1 : 0

  project                       = var.project_id
  global_network_endpoint_group = google_compute_global_network_endpoint_group.responder[0].name
  fqdn                          = var.responder.domain
  port                          = var.responder.port
}

resource "google_compute_backend_service" "responder" {
  count = local.with_responder ? 1 : 0

  name                    = "${var.name}-responder"
  project                 = var.project_id
  protocol                = "HTTP"
  timeout_sec             = 10
  enable_cdn              = true
  custom_request_headers  = ["Host: ${var.responder.domain}"]
  custom_response_headers = var.response_headers
  load_balancing_scheme   = "EXTERNAL_MANAGED"

  cdn_policy {
    cache_mode = "USE_ORIGIN_HEADERS"

    cache_key_policy {
      include_host         = false
      include_protocol     = false
      include_query_string = false
    }
  }

  backend {
    group = google_compute_global_network_endpoint_group.responder[0].id
  }

  log_config {
    enable      = true
    sample_rate = 1
  }
}

resource "google_compute_url_map" "repository" {
  name            = var.name
  project         = var.project_id
  default_service = google_compute_backend_bucket.repository.id

  host_rule {
    hosts        = ["*"]
    path_matcher = "repository"
  }

  path_matcher {
    name            = "repository"
    default_service = google_compute_backend_bucket.repository.id

    # Longest path first: bundles stay objects, everything else under /ocsp is a question.
    dynamic "path_rule" {
      for_each = local.with_responder ? [
        { paths = ["/ocsp/bundles/*"], service = google_compute_backend_bucket.repository.id },
        { paths = ["/ocsp", "/ocsp/*"], service = google_compute_backend_service.responder[0].id },
      ] : []
      content {
        paths   = path_rule.value.paths
        service = path_rule.value.service
      }
    }
  }
}

resource "google_compute_target_http_proxy" "repository" {
  name    = var.name
  project = var.project_id
  url_map = google_compute_url_map.repository.id
}

resource "google_compute_global_forwarding_rule" "http" {
  name                  = "${var.name}-http"
  project               = var.project_id
  ip_address            = google_compute_global_address.repository.id
  ip_protocol           = "TCP"
  port_range            = "80"
  target                = google_compute_target_http_proxy.repository.id
  load_balancing_scheme = "EXTERNAL_MANAGED"
}

resource "google_compute_managed_ssl_certificate" "repository" {
  count = var.host_name == null ? 0 : 1

  name    = var.name
  project = var.project_id

  managed {
    domains = [var.host_name]
  }
}

resource "google_compute_target_https_proxy" "repository" {
  count = var.host_name == null ? 0 : 1

  name             = var.name
  project          = var.project_id
  url_map          = google_compute_url_map.repository.id
  ssl_certificates = [google_compute_managed_ssl_certificate.repository[0].id]
}

resource "google_compute_global_forwarding_rule" "https" {
  count = var.host_name == null ? 0 : 1

  name                  = "${var.name}-https"
  project               = var.project_id
  ip_address            = google_compute_global_address.repository.id
  ip_protocol           = "TCP"
  port_range            = "443"
  target                = google_compute_target_https_proxy.repository[0].id
  load_balancing_scheme = "EXTERNAL_MANAGED"
}
