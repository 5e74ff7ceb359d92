import java.io.FileInputStream;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** Validates leaf and sub under root with OCSP for the leaf, and prints the verdict. */
public class Check {
    public static void main(String[] args) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        X509Certificate[] certs = new X509Certificate[3];
        for (int i = 0; i < 3; i++) {
            try (FileInputStream in = new FileInputStream(args[i])) {
                certs[i] = (X509Certificate) factory.generateCertificate(in);
            }
        }
        CertPath path = factory.generateCertPath(List.of(certs[0], certs[1]));
        PKIXParameters params = new PKIXParameters(Set.of(new TrustAnchor(certs[2], null)));
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
        checker.setOptions(EnumSet.of(PKIXRevocationChecker.Option.ONLY_END_ENTITY, PKIXRevocationChecker.Option.NO_FALLBACK));
        params.addCertPathChecker(checker);
        try {
            validator.validate(path, params);
            System.out.println("verdict: good");
        } catch (CertPathValidatorException e) {
            System.out.println("verdict: " + e.getReason() + ": " + e.getMessage() + ": " + e.getCause());
        }
    }
}
