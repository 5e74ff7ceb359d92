# Alarms. The publishing host pushes the age of each CRL as relying parties see it; an absent figure
# is an alarm as well.

resource "google_monitoring_alert_policy" "crl_age" {
  for_each = var.issuers

  project               = var.project_id
  display_name          = "${var.name}: CRL of ${each.key}"
  combiner              = "OR"
  notification_channels = var.notification_channels
  user_labels           = var.labels

  conditions {
    display_name = "too old"
    condition_threshold {
      filter          = "metric.type=\"custom.googleapis.com/seihon/crl_age_seconds\" AND metric.labels.issuer=\"${each.key}\" AND resource.type=\"global\""
      comparison      = "COMPARISON_GT"
      threshold_value = each.value
      duration        = "300s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  conditions {
    display_name = "nobody measured it"
    condition_absent {
      filter   = "metric.type=\"custom.googleapis.com/seihon/crl_age_seconds\" AND metric.labels.issuer=\"${each.key}\" AND resource.type=\"global\""
      duration = "900s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }
}

resource "google_monitoring_alert_policy" "errors" {
  project               = var.project_id
  display_name          = "${var.name}: errors at the edge"
  combiner              = "OR"
  notification_channels = var.notification_channels
  user_labels           = var.labels

  conditions {
    display_name = "5xx"
    condition_threshold {
      filter          = "metric.type=\"loadbalancing.googleapis.com/https/request_count\" AND metric.labels.response_code_class=500 AND resource.type=\"https_lb_rule\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "300s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
}
