import java.io.FileInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import sun.security.pkcs.PKCS7;
import sun.security.pkcs.SignerInfo;

/** Says of each artifact in each folder whether Java accepts it. */
class Accepts {
    interface Check {
        void run(Path folder) throws Exception;
    }

    public static void main(String[] folders) throws Exception {
        Map<String, Check> checks = Map.of(
                "certificate", folder -> validate(folder, null),
                "CRL", folder -> {
                    try (FileInputStream in = new FileInputStream(folder.resolve("ca.crl").toFile())) {
                        ((X509CRL) factory().generateCRL(in)).verify(certificate(folder, "ca.pem").getPublicKey());
                    }
                },
                "OCSP response", folder -> validate(folder, Files.readAllBytes(folder.resolve("leaf.ocsp"))),
                "CP/CPS, detached", folder -> {
                    PKCS7 cms = new PKCS7(Files.readAllBytes(folder.resolve("cps.p7s")));
                    SignerInfo[] signers = cms.verify(Files.readAllBytes(folder.resolve("cps.pdf")));
                    if (signers == null || signers.length != 1) {
                        throw new SecurityException("not verified");
                    }
                });
        for (String folder : folders) {
            for (Map.Entry<String, Check> check : checks.entrySet()) {
                String answer = "yes";
                try {
                    check.getValue().run(Path.of(folder));
                } catch (Exception e) {
                    answer = "no " + e;
                }
                System.out.println(folder + " " + check.getKey() + " " + answer);
            }
        }
    }

    static CertificateFactory factory() throws Exception {
        return CertificateFactory.getInstance("X.509");
    }

    static X509Certificate certificate(Path folder, String name) throws Exception {
        try (FileInputStream in = new FileInputStream(folder.resolve(name).toFile())) {
            return (X509Certificate) factory().generateCertificate(in);
        }
    }

    /** Validates the subscriber's certificate, with a response about it where there is one. */
    static void validate(Path folder, byte[] response) throws Exception {
        X509Certificate leaf = certificate(folder, "leaf.pem");
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(certificate(folder, "ca.pem"), null)));
        parameters.setRevocationEnabled(false);
        if (response != null) {
            PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
            checker.setOptions(EnumSet.of(PKIXRevocationChecker.Option.NO_FALLBACK));
            checker.setOcspResponses(Map.of(leaf, response));
            parameters.addCertPathChecker(checker);
        }
        CertPath path = factory().generateCertPath(List.of(leaf));
        validator.validate(path, parameters);
    }
}
